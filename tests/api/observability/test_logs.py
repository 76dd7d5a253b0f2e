from __future__ import annotations

import json
import logging
import logging.config

import pytest

from api.observability.logs import REQUEST_ID, JsonLines, PlainLines, configuration
from api.settings import LogFormat, Settings


def record(message: str = "solved %s", *arguments: object, error: bool = False, **known: object) -> logging.LogRecord:
    failure = (ValueError, ValueError("why"), None) if error else None
    made = logging.LogRecord("placement.api", logging.WARNING, "file.py", 1, message, arguments or ("a plan",), failure)
    made.__dict__.update(known)
    return made


def test_a_json_line_holds_what_is_known_of_the_request_and_the_plan():
    line = json.loads(JsonLines().format(record(request_id="r-1", plan_id="plan-1", status=200)))
    assert line.pop("time").endswith("+00:00")
    assert line == {"level": "warning", "logger": "placement.api", "message": "solved a plan",
                    "request_id": "r-1", "plan_id": "plan-1", "status": 200}  # fmt: skip


def test_a_traceback_stays_in_the_one_json_line():
    text = JsonLines().format(record(error=True))
    assert "\n" not in text
    assert "ValueError: why" in json.loads(text)["exception"]


@pytest.mark.parametrize("formatter", [JsonLines(), PlainLines()])
def test_what_a_caller_sends_cannot_forge_a_line_or_drive_a_terminal(formatter):
    text = formatter.format(record(path="/plan\n2026-01-01 root: all is well\x1b[2J\u2028x"))
    assert text.isprintable()
    assert "\\n" in text


def test_a_plain_line_reads_like_a_sentence_with_figures():
    line = PlainLines().format(record(request_id="r-1", method="POST", path="/plan", status=200, milliseconds=12.5))
    assert line.endswith(
        "WARNING placement.api: solved a plan request_id=r-1 method=POST path=/plan status=200 ms=12.5"
    )


def test_what_is_logged_while_a_request_is_in_hand_carries_its_id():
    told = REQUEST_ID.set("r-7")
    try:
        assert json.loads(JsonLines().format(record()))["request_id"] == "r-7"
    finally:
        REQUEST_ID.reset(told)
    assert "request_id" not in json.loads(JsonLines().format(record()))


@pytest.mark.parametrize("log_format", LogFormat)
@pytest.mark.parametrize("level", ["debug", "error"])
def test_the_configuration_is_one_that_logging_accepts(log_format, level):
    settings = configuration(Settings(log_format=log_format, log_level=level))
    logging.config.DictConfigurator(settings).configure_formatter(settings["formatters"]["lines"])
    assert settings["loggers"]["placement"]["level"] == level.upper()
    assert settings["loggers"]["uvicorn.access"]["propagate"] is False
