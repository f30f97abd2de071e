"""Checks a Foundry project's Responses API with the official `openai` package.

    python check.py BASE_URL TOKEN

BASE_URL is the project route, such as
`http://localhost:7072/foundry/api/projects/demo/openai/v1`; TOKEN is an access
token for `https://ai.azure.com` of a person with the role Foundry User. Prints
one line per check and the totals; the exit status is 1 when a check failed.
"""

import sys
from typing import get_args

import openai
from openai.types.responses import ResponseStreamEvent
from pydantic import ValidationError

EVENTS = get_args(get_args(ResponseStreamEvent)[0])

# Foundry's own additions, which the package's types do not have.
CONSENT_EVENT = "response.oauth_consent_requested"
CONSENT_ITEM = "oauth_consent_request"


def reference(agent):
    return {"agent_reference": {"type": "agent_reference", "name": agent}}


def typed(event):
    """Fails unless the event is exactly what the package says it is."""
    if event.type == CONSENT_EVENT or CONSENT_ITEM in repr(event):
        return
    assert type(event) in EVENTS, event.type
    # The package fills its types without checking; this checks.
    type(event).model_validate(event.to_dict())


def checked(stream):
    """All events of a stream, each typed, numbered without a gap."""
    events = list(stream)
    for event in events:
        typed(event)
    numbers = [event.sequence_number for event in events]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), numbers
    return events


def text(events):
    return "".join(e.delta for e in events if e.type == "response.output_text.delta")


class Checks:
    def __init__(self, base_url, token):
        self.base_url = base_url
        self.client = openai.OpenAI(base_url=base_url, api_key=token, max_retries=0)

    def ask(self, agent, said="good day", **more):
        return checked(
            self.client.responses.create(
                input=said, stream=True, extra_body=reference(agent), **more
            )
        )

    def check_text_is_streamed(self):
        events = self.ask("assistant")
        assert events[0].type == "response.created"
        last = events[-1]
        assert last.type == "response.completed", last.type
        assert text(events).endswith("said: good day"), text(events)
        assert last.response.output_text == text(events)
        usage = last.response.usage
        assert usage.total_tokens == usage.input_tokens + usage.output_tokens

    def check_the_stream_helper_accumulates(self):
        with self.client.responses.stream(
            model="local-model", input="good day"
        ) as stream:
            deltas = "".join(
                e.delta for e in stream if e.type == "response.output_text.delta"
            )
            assert stream.get_final_response().output_text == deltas != ""

    def check_a_whole_answer_is_read(self):
        response = self.client.responses.create(
            input="good day", extra_body=reference("assistant"), metadata={"a": "b"}
        )
        assert response.status == "completed"
        assert response.output_text.endswith("said: good day")
        assert response.metadata == {"a": "b"}

    def check_tool_calls_are_typed(self):
        events = self.ask("researcher", "bugs")
        calls = [
            e.item
            for e in events
            if e.type == "response.output_item.done" and e.item.type == "mcp_call"
        ]
        assert [call.name for call in calls] == ["search_issues"]
        assert "response.mcp_call.completed" in [e.type for e in events]

    def check_consent_arrives(self):
        events = self.ask("consenter")
        items = [
            e.item
            for e in events
            if e.type == "response.output_item.done" and e.item.type == CONSENT_ITEM
        ]
        assert len(items) == 1 and items[0].consent_link.startswith("https://")
        assert CONSENT_EVENT in [e.type for e in events]

    def check_approval_is_answered(self):
        response = self.ask("approver")[-1].response
        request = response.output[0]
        assert request.type == "mcp_approval_request"
        answer = {
            "type": "mcp_approval_response",
            "approval_request_id": request.id,
            "approve": True,
        }
        events = self.ask("approver", [answer], previous_response_id=response.id)
        assert text(events) == "Done, as you approved."

    def check_failure_is_an_event(self):
        last = self.ask("failing")[-1]
        assert last.type == "response.failed"
        assert last.response.error.code == "server_error"

    def check_much_text_is_read(self):
        assert len(text(self.ask("huge"))) >= 100_000

    def check_a_pause_is_waited_for(self):
        assert text(self.ask("slow")).startswith("1 2 3 ")

    def check_a_broken_stream_is_resumed(self):
        events = []
        try:
            for event in self.client.responses.create(
                input="a b c d e",
                stream=True,
                background=True,
                extra_body=reference("breaker"),
            ):
                events.append(event)
        except Exception as error:  # the HTTP library's own, unwrapped
            assert "Error" in type(error).__name__, error
        else:
            raise AssertionError("the stream did not break")
        rest = checked(
            self.client.responses.retrieve(
                events[0].response.id,
                stream=True,
                starting_after=events[-1].sequence_number,
            )
        )
        assert rest[0].sequence_number == events[-1].sequence_number + 1
        assert text(events + rest) == rest[-1].response.output_text

    def check_responses_are_kept(self):
        made = self.client.responses.create(
            input="keep", extra_body=reference("assistant")
        )
        assert self.client.responses.retrieve(made.id).output_text == made.output_text
        items = self.client.responses.input_items.list(made.id).data
        assert items[0].content[0].text == "keep", items
        self.expect(openai.BadRequestError, self.client.responses.cancel, made.id)
        self.client.responses.delete(made.id)
        self.expect(openai.NotFoundError, self.client.responses.retrieve, made.id)

    def check_responses_are_made_in_the_background(self):
        made = self.client.responses.create(
            input="keep", background=True, extra_body=reference("slow")
        )
        assert made.background and made.status in ("queued", "in_progress"), made
        assert self.client.responses.cancel(made.id).status == "cancelled"
        assert self.client.responses.retrieve(made.id).status == "cancelled"

    def check_conversations_are_kept(self):
        made = self.client.conversations.create(metadata={"a": "b"})
        for turn in (1, 2):
            events = self.ask("assistant", conversation=made.id)
            assert text(events).startswith(f"Turn {turn}:"), text(events)
        assert self.client.conversations.retrieve(made.id).metadata == {"a": "b"}
        items = self.client.conversations.items.list(made.id, order="asc").data
        assert [item.role for item in items] == ["user", "assistant"] * 2
        assert self.client.conversations.delete(made.id).deleted
        self.expect(openai.NotFoundError, self.client.conversations.retrieve, made.id)

    def check_refusals_are_the_packages_errors(self):
        create = self.client.responses.create
        unknown = {**reference("assistant"), "mystery": 1}
        error = self.expect(openai.BadRequestError, create, input="x", extra_body=unknown)
        assert (error.code, error.param) == ("unknown_parameter", "mystery")
        nobody = reference("nobody")
        self.expect(openai.NotFoundError, create, input="x", extra_body=nobody)
        stranger = openai.OpenAI(base_url=self.base_url, api_key="x", max_retries=0)
        self.expect(
            openai.AuthenticationError,
            stranger.responses.create,
            input="x",
            extra_body=reference("assistant"),
        )

    @staticmethod
    def expect(kind, call, *arguments, **named):
        try:
            call(*arguments, **named)
        except kind as error:
            return error
        raise AssertionError(f"{kind.__name__} was not raised")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    checks = Checks(sys.argv[1], sys.argv[2])
    passed = failed = 0
    for name in sorted(name for name in dir(checks) if name.startswith("check_")):
        label = name.removeprefix("check_").replace("_", " ")
        try:
            getattr(checks, name)()
        except ValidationError as error:
            failed += 1
            first = error.errors()[0]
            print(f"FAIL {label}: {error.title}: {first['loc']}: {first['msg']}")
        except Exception as error:
            failed += 1
            print(f"FAIL {label}: {type(error).__name__}: {error}")
        else:
            passed += 1
            print(f"ok {label}")
    print(f"openai {openai.__version__}")
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
