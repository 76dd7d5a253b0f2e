CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.api_keys (
    id character varying(40) NOT NULL,
    owner text NOT NULL,
    label text NOT NULL,
    key_hash text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    rate_per_minute bigint
);
CREATE TABLE public.expired_plans (
    id character varying(40) NOT NULL COLLATE pg_catalog."C",
    owner text NOT NULL,
    expired_at timestamp with time zone NOT NULL
);
CREATE TABLE public.instances (
    name text NOT NULL,
    seen_at timestamp with time zone NOT NULL
);
CREATE TABLE public.plan_answers (
    plan_id character varying(40) NOT NULL COLLATE pg_catalog."C",
    body bytea NOT NULL
);
CREATE TABLE public.plan_events (
    plan_id character varying(40) NOT NULL COLLATE pg_catalog."C",
    seq integer NOT NULL,
    name text NOT NULL,
    data text NOT NULL,
    at timestamp with time zone NOT NULL
);
CREATE TABLE public.plan_requests (
    plan_id character varying(40) NOT NULL COLLATE pg_catalog."C",
    body bytea NOT NULL
);
CREATE TABLE public.plans (
    id character varying(40) NOT NULL COLLATE pg_catalog."C",
    owner text NOT NULL,
    kind text NOT NULL,
    status text NOT NULL,
    name text,
    objective text,
    value double precision,
    bound double precision,
    gap double precision,
    termination text,
    proven boolean NOT NULL,
    created_at timestamp with time zone NOT NULL,
    started_at timestamp with time zone,
    ended_at timestamp with time zone,
    time_limit_s double precision NOT NULL,
    attempts integer NOT NULL,
    cancel_requested boolean NOT NULL,
    instance text,
    content_key text NOT NULL,
    request_hash text NOT NULL,
    idempotency_key text
);
INSERT INTO public.alembic_version VALUES ('0001');
INSERT INTO public.api_keys VALUES ('key-1', 'ann', 'laptop', 'hash', '2026-11-01 12:00:00+00', NULL, NULL, 60);
INSERT INTO public.expired_plans VALUES ('plan-expired', 'ann', '2026-11-23 10:01:31.706266+00');
INSERT INTO public.instances VALUES ('released', '2026-11-23 10:01:31.685091+00');
INSERT INTO public.plan_answers VALUES ('plan-optimal', '\x7b22737461747573223a20226f7074696d616c227d');
INSERT INTO public.plan_events VALUES ('plan-optimal', 1, 'queued', '{}', '2026-11-23 10:01:31.696327+00');
INSERT INTO public.plan_events VALUES ('plan-running', 1, 'queued', '{}', '2026-11-23 10:01:31.698675+00');
INSERT INTO public.plan_requests VALUES ('plan-optimal', '\x7b7d');
INSERT INTO public.plan_requests VALUES ('plan-running', '\x7b7d');
INSERT INTO public.plans VALUES ('plan-running', 'ann', 'plan', 'running', NULL, NULL, NULL, NULL, NULL, NULL, false, '2026-11-23 10:01:31.698675+00', '2026-11-23 10:01:31.700199+00', NULL, 10, 1, false, 'released', 'content', 'hash', 'plan-running');
INSERT INTO public.plans VALUES ('plan-optimal', 'ann', 'plan', 'optimal', NULL, NULL, NULL, NULL, NULL, NULL, true, '2026-11-23 10:01:31.696327+00', '2026-11-23 10:01:31.69773+00', '2026-11-23 10:01:31.710068+00', 10, 1, false, 'released', 'content', 'hash', 'plan-optimal');
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT pk_api_keys PRIMARY KEY (id);
ALTER TABLE ONLY public.expired_plans
    ADD CONSTRAINT pk_expired_plans PRIMARY KEY (id);
ALTER TABLE ONLY public.instances
    ADD CONSTRAINT pk_instances PRIMARY KEY (name);
ALTER TABLE ONLY public.plan_answers
    ADD CONSTRAINT pk_plan_answers PRIMARY KEY (plan_id);
ALTER TABLE ONLY public.plan_events
    ADD CONSTRAINT pk_plan_events PRIMARY KEY (plan_id, seq);
ALTER TABLE ONLY public.plan_requests
    ADD CONSTRAINT pk_plan_requests PRIMARY KEY (plan_id);
ALTER TABLE ONLY public.plans
    ADD CONSTRAINT pk_plans PRIMARY KEY (id);
ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT uq_api_keys_key_hash UNIQUE (key_hash);
ALTER TABLE ONLY public.plans
    ADD CONSTRAINT uq_plans_owner_idempotency_key UNIQUE (owner, idempotency_key);
CREATE INDEX ix_api_keys_owner ON public.api_keys USING btree (owner);
CREATE INDEX ix_expired_plans_expired_at_id ON public.expired_plans USING btree (expired_at, id);
CREATE INDEX ix_plans_ended_at ON public.plans USING btree (ended_at);
CREATE INDEX ix_plans_owner_id ON public.plans USING btree (owner, id);
CREATE INDEX ix_plans_proven ON public.plans USING btree (owner, content_key, id) WHERE proven;
ALTER TABLE ONLY public.plan_answers
    ADD CONSTRAINT fk_plan_answers_plan_id_plans FOREIGN KEY (plan_id) REFERENCES public.plans(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.plan_events
    ADD CONSTRAINT fk_plan_events_plan_id_plans FOREIGN KEY (plan_id) REFERENCES public.plans(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.plan_requests
    ADD CONSTRAINT fk_plan_requests_plan_id_plans FOREIGN KEY (plan_id) REFERENCES public.plans(id) ON DELETE CASCADE;
