"""People of the deployed service: real users of its pool, with tokens from it.

A ``Town`` keeps its test apart, as in ``tests/e2e/people.py``: its drivers ask for specialists of a
brand that only its own mechanics know. Time is real here: what is to come is waited for.
"""

import json
import time
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

import httpx

from local import processes
from tests.deployed import gaps
from tests.deployed.deploying import Deployed, zipped
from tests.e2e.people import SIGNATURE, Document, Person, answer, intake

T = TypeVar("T")

PATIENCE_S = 60.0
"""How long to wait for what takes a second on an idle machine, once its functions have started."""
_PASSWORD = "Long-enough-for-12345"
_SEEDING = processes.ROOT / "local" / "seeding"
_SEEDING_NAME = "seeding"


def eventually(look: Callable[[], T], within_s: float = PATIENCE_S) -> T:
    """What ``look`` finds, once it raises no AssertionError any more. Raises it when too late."""
    until = time.monotonic() + within_s
    while True:
        try:
            return look()
        except AssertionError:
            if time.monotonic() > until:
                raise
            time.sleep(0.3)


class Users:
    """The pool of users, and those who come to it during a run."""

    def __init__(self, deployed: Deployed, http: httpx.Client) -> None:
        self._deployed = deployed
        self._http = http
        self._cognito = deployed.account.client("cognito-idp")
        self._pool_id = deployed.outputs["UserPoolId"]
        self._client_id = deployed.outputs["UserPoolClientId"]
        self._allow_passwords()

    def _allow_passwords(self) -> None:
        """Frontends prove by SRP that they know a password; we just tell it."""
        ids = {"UserPoolId": self._pool_id, "ClientId": self._client_id}
        client = self._cognito.describe_user_pool_client(**ids)["UserPoolClient"]
        flows = [*client["ExplicitAuthFlows"], "ALLOW_ADMIN_USER_PASSWORD_AUTH"]
        self._cognito.update_user_pool_client(**ids, ExplicitAuthFlows=flows)

    def sign_up(self) -> Person:
        """A new user, who has confirmed their address; the template makes a customer of them."""
        email = f"{uuid.uuid4().hex[:12]}@driver.example"
        user_id = self._cognito.sign_up(
            ClientId=self._client_id, Username=email, Password=_PASSWORD
        )["UserSub"]
        self._cognito.admin_confirm_sign_up(UserPoolId=self._pool_id, Username=user_id)
        gaps.tell_of_confirmation(self._deployed.account, self._pool_id, user_id, email)
        return self.signed_in(user_id)

    def join(self, person: Person, group: str) -> Person:
        """Put into a group by an operator."""
        self._cognito.admin_add_user_to_group(
            UserPoolId=self._pool_id, Username=person.id, GroupName=group
        )
        return self.signed_in(person.id)

    def signed_in(self, user_id: str) -> Person:
        """With a token that names the groups the user is in by now."""
        signed_in = self._cognito.admin_initiate_auth(
            UserPoolId=self._pool_id,
            ClientId=self._client_id,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": user_id, "PASSWORD": _PASSWORD},
        )
        return Person(user_id, signed_in["AuthenticationResult"]["AccessToken"], self._http)

    def groups(self, user_id: str) -> set[str]:
        found = self._cognito.admin_list_groups_for_user(UserPoolId=self._pool_id, Username=user_id)
        return {group["GroupName"] for group in found["Groups"]}


class Seeding:
    """Writes whole records: ``local/seeding`` as one more function, beside the template's.

    On the layers that were deployed, told what any of the template's functions is told.
    """

    def __init__(self, deployed: Deployed) -> None:
        self._lambda = deployed.account.client("lambda")
        functions = self._lambda.list_functions()["Functions"]
        environment: dict[str, str] = {}
        for function in functions:
            environment |= function["Environment"]["Variables"]
        self._lambda.create_function(
            FunctionName=_SEEDING_NAME,
            Runtime=functions[0]["Runtime"],
            Role=_role(deployed),
            Handler="seed.handler",
            Code={"ZipFile": zipped(_SEEDING)},
            Layers=[layer["Arn"] for layer in functions[0]["Layers"]],
            Environment={"Variables": environment},
            Timeout=120,
        )

    def mechanics(self, *records: Document) -> None:
        called = self._lambda.invoke(
            FunctionName=_SEEDING_NAME,
            Payload=json.dumps({"mechanics": records, "customers": []}),
        )
        outcome = json.load(called["Payload"])
        assert outcome == {"mechanics": len(records), "customers": 0}, outcome


def _role(deployed: Deployed) -> str:
    iam = deployed.account.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}
    may = {
        "Effect": "Allow",
        "Action": "dynamodb:*",
        "Resource": f"arn:aws:dynamodb:*:*:table/{deployed.outputs['TableName']}*",
    }
    role = iam.create_role(
        RoleName=_SEEDING_NAME,
        AssumeRolePolicyDocument=_policy(trust | {"Action": "sts:AssumeRole"}),
    )
    iam.put_role_policy(
        RoleName=_SEEDING_NAME, PolicyName=_SEEDING_NAME, PolicyDocument=_policy(may)
    )
    return str(role["Role"]["Arn"])


def _policy(statement: Document) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


class Town:
    """A brand of car, its drivers and its mechanics."""

    def __init__(self, users: Users, seeding: Seeding) -> None:
        self.users = users
        self._seeding = seeding
        self.brand = f"Brand {uuid.uuid4().hex[:12]}"

    def customer(self) -> Person:
        return self.users.sign_up()

    def mechanics(self, *records: Document) -> list[Person]:
        """Mechanics who know the town's brand, approved and off shift."""
        people = [self.users.join(self.users.sign_up(), "mechanic") for _ in records]
        self._seeding.mechanics(
            *(
                {
                    "id": person.id,
                    "name": "Einar",
                    "country": "Iceland",
                    "profile_completion": 80,
                    "brand_specializations": [self.brand],
                    **record,
                }
                for person, record in zip(people, records, strict=True)
            )
        )
        return people

    def book(self, customer: Person, **fields: Any) -> str:
        """A booking that is signed, and looks for a mechanic from now on; its session's id."""
        booked = answer(customer.post("/intake/start", intake(self.brand, **fields)), 201)
        session_id = str(booked["session_id"])
        answer(customer.act(session_id, "waiver", SIGNATURE))
        return session_id


def with_device(person: Person) -> Person:
    device = {"platform": "fcm", "token": f"token-of-{person.id}"}
    answer(person.call("PUT", "/devices/phone", device))
    return person


def told(person: Person, type_: str, session_id: str | None = None) -> list[Document]:
    """What the ledger says they were told of this type, and of this session."""
    return [
        notice
        for notice in answer(person.get("/notifications"))["items"]
        if notice["type"] == type_ and session_id in (None, notice["data"].get("session_id"))
    ]
