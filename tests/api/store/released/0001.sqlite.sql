BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE api_keys (
	id VARCHAR(40) NOT NULL, 
	owner TEXT NOT NULL, 
	label TEXT NOT NULL, 
	key_hash TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	expires_at DATETIME, 
	revoked_at DATETIME, 
	rate_per_minute BIGINT, 
	CONSTRAINT pk_api_keys PRIMARY KEY (id), 
	CONSTRAINT uq_api_keys_key_hash UNIQUE (key_hash)
);
INSERT INTO "api_keys" VALUES('key-1','ann','laptop','hash','2026-11-01 12:00:00.000000',NULL,NULL,60);
CREATE TABLE expired_plans (
	id VARCHAR(40) NOT NULL, 
	owner TEXT NOT NULL, 
	expired_at DATETIME NOT NULL, 
	CONSTRAINT pk_expired_plans PRIMARY KEY (id)
);
INSERT INTO "expired_plans" VALUES('plan-expired','ann','2026-11-23 10:01:30.414403');
CREATE TABLE instances (
	name TEXT NOT NULL, 
	seen_at DATETIME NOT NULL, 
	CONSTRAINT pk_instances PRIMARY KEY (name)
);
INSERT INTO "instances" VALUES('released','2026-11-23 10:01:30.400590');
CREATE TABLE plan_answers (
	plan_id VARCHAR(40) NOT NULL, 
	body BLOB NOT NULL, 
	CONSTRAINT pk_plan_answers PRIMARY KEY (plan_id), 
	CONSTRAINT fk_plan_answers_plan_id_plans FOREIGN KEY(plan_id) REFERENCES plans (id) ON DELETE CASCADE
);
INSERT INTO "plan_answers" VALUES('plan-optimal',X'7B22737461747573223A20226F7074696D616C227D');
CREATE TABLE plan_events (
	plan_id VARCHAR(40) NOT NULL, 
	seq INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	data TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	CONSTRAINT pk_plan_events PRIMARY KEY (plan_id, seq), 
	CONSTRAINT fk_plan_events_plan_id_plans FOREIGN KEY(plan_id) REFERENCES plans (id) ON DELETE CASCADE
);
INSERT INTO "plan_events" VALUES('plan-optimal',1,'queued','{}','2026-11-23 10:01:30.407270');
INSERT INTO "plan_events" VALUES('plan-running',1,'queued','{}','2026-11-23 10:01:30.408815');
CREATE TABLE plan_requests (
	plan_id VARCHAR(40) NOT NULL, 
	body BLOB NOT NULL, 
	CONSTRAINT pk_plan_requests PRIMARY KEY (plan_id), 
	CONSTRAINT fk_plan_requests_plan_id_plans FOREIGN KEY(plan_id) REFERENCES plans (id) ON DELETE CASCADE
);
INSERT INTO "plan_requests" VALUES('plan-optimal',X'7B7D');
INSERT INTO "plan_requests" VALUES('plan-running',X'7B7D');
CREATE TABLE plans (
	id VARCHAR(40) NOT NULL, 
	owner TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	status TEXT NOT NULL, 
	name TEXT, 
	objective TEXT, 
	value FLOAT, 
	bound FLOAT, 
	gap FLOAT, 
	termination TEXT, 
	proven BOOLEAN NOT NULL, 
	created_at DATETIME NOT NULL, 
	started_at DATETIME, 
	ended_at DATETIME, 
	time_limit_s FLOAT NOT NULL, 
	attempts INTEGER NOT NULL, 
	cancel_requested BOOLEAN NOT NULL, 
	instance TEXT, 
	content_key TEXT NOT NULL, 
	request_hash TEXT NOT NULL, 
	idempotency_key TEXT, 
	CONSTRAINT pk_plans PRIMARY KEY (id), 
	CONSTRAINT uq_plans_owner_idempotency_key UNIQUE (owner, idempotency_key)
);
INSERT INTO "plans" VALUES('plan-optimal','ann','plan','optimal',NULL,NULL,NULL,NULL,NULL,NULL,1,'2026-11-23 10:01:30.407270','2026-11-23 10:01:30.408215','2026-11-23 10:01:30.417483',10.0,1,0,'released','content','hash','plan-optimal');
INSERT INTO "plans" VALUES('plan-running','ann','plan','running',NULL,NULL,NULL,NULL,NULL,NULL,0,'2026-11-23 10:01:30.408815','2026-11-23 10:01:30.409694',NULL,10.0,1,0,'released','content','hash','plan-running');
CREATE INDEX ix_api_keys_owner ON api_keys (owner);
CREATE INDEX ix_expired_plans_expired_at_id ON expired_plans (expired_at, id);
CREATE INDEX ix_plans_ended_at ON plans (ended_at);
CREATE INDEX ix_plans_owner_id ON plans (owner, id);
CREATE INDEX ix_plans_proven ON plans (owner, content_key, id) WHERE proven = 1;
COMMIT;
