"""Where an engine is not DynamoDB: tests that fail on it for its own sake, with the reason.

Each is expected to fail, and noticed when it does not any more: then the engine has been mended,
and the line goes. A test of ours that is not in here has to pass.
"""

_FAST_TABLE = "tests/integration/test_fast_table.py::"
_INVALID = f"{_FAST_TABLE}test_what_is_wrong_whatever_is_stored_is_invalid"
_CANCELLED = f"{_FAST_TABLE}test_what_does_not_go_with_what_is_stored_cancels"
_QUERIES = f"{_FAST_TABLE}test_what_cannot_be_asked_is_invalid"
_BATCHES = f"{_FAST_TABLE}test_several_are_got_at_once"
FULL_PAGES = f"{_FAST_TABLE}test_a_full_page_tells_where_to_go_on"
"""Met in stories, too, which are not failed for it: see ``ends_openly``."""
_OF_MINISTACK = f"{_FAST_TABLE}test_where_ministack_is_not_dynamodb"

ACCEPTED = "takes what DynamoDB refuses"
ANOTHER_ERROR = "refuses it as DynamoDB does, but with another error"
CRASHES = "fails with an exception of its own where DynamoDB refuses"

GAPS: dict[str, dict[str, dict[str, list[str]]]] = {
    "moto": {
        ACCEPTED: {
            _INVALID: [
                "no operation",
                "a key that is empty",
                "an index key updated to nothing",
                "a set without members",
                "a set with a member twice",
                "a set with a number twice",
                "a number of 39 digits",
                "a number that is too large",
                "a value that is not used",
                "the same on both sides of a test",
                "an empty condition",
            ],
            _CANCELLED: [
                "a key of another type",
                "an index key of another type",
                "an index key updated to another type",
            ],
            _QUERIES: [
                "a key of another type",
                "one key twice",
                "bounds upside down",
                "a start of the table in an index",
                "a start in another partition",
                "a start out of the range",
                "a value that is not used",
            ],
            _BATCHES: ["none", "of a wrong type"],
            _OF_MINISTACK: [
                "nothing is compared with itself; ministack minds in contains() only",
            ],
        },
        ANOTHER_ERROR: {
            _INVALID: [
                "a number that is none",
                "a number that is no number",
                "a number without end",
                "a value that is not there",
                "bounds upside down",
            ],
            _CANCELLED: [
                "a number added to a text",
                "texts added to a number",
                "texts deleted from numbers",
                "a copy of what is not there",
                "a sum with what is not there",
                "an update to too large an item",
            ],
            _QUERIES: ["an unknown index"],
            _OF_MINISTACK: [
                "what has no order is not compared by order",
                "bounds are of one type",
                "the prefix of begins_with is a text whatever is stored",
                "a sum is of numbers: of those in the item when it is written",
            ],
        },
        CRASHES: {
            _INVALID: ["half a condition", "a condition that is only a name"],
            _QUERIES: ["a limit of nothing", "a start without its keys"],
        },
        "ends without LastEvaluatedKey where a page is full and nothing follows": {
            FULL_PAGES: ["None-True", "None-False", "due-True", "due-False"],
        },
        "is asked at random, and so for all of the above": {
            f"{_FAST_TABLE}test_both_answer_alike": [],
        },
    },
    "ministack": {
        ACCEPTED: {
            _OF_MINISTACK: [
                "the key is never updated; ministack looks at that in UpdateItem only",
                "two paths of one update do not overlap",
                "each section stands once in an update",
                "nothing is compared with itself; ministack minds in contains() only",
                "a sum is of numbers: of those in the request at once",
                "a sum is of numbers: of those in the item when it is written",
                "a sum has 38 digits at most; ministack rounds it to 28",
                "a name that is not used is refused though another begins with it",
            ],
        },
        ANOTHER_ERROR: {
            _OF_MINISTACK: [
                "what has no order is not compared by order",
                "bounds are of one type",
                "the prefix of begins_with is a text whatever is stored",
                "begins_with does not hold for what is no text",
                "the operand of ADD is checked before the item is looked at",
                "the operand of DELETE is checked before the item is looked at",
            ],
        },
    },
}


def gaps(engine: str) -> dict[str, str]:
    """The tests that fail on an engine for its own sake, and what it does."""
    return {
        f"{test}[{case}]" if case else test: f"{engine} {reason}"
        for reason, tests in GAPS[engine].items()
        for test, cases in tests.items()
        for case in cases or [""]
    }


def ends_openly(engine: str) -> bool:
    """Whether an engine does not tell where to go on behind a full page that is the last one."""
    return any(FULL_PAGES in tests for tests in GAPS[engine].values())
