import socket
from email import message_from_bytes

import pytest
from aiosmtpd.controller import Controller

from mlops.contract import BadInput
from mlops.store import Store
from mlops.watching import alerts
from mlops.watching.record import Decision, Finding, Monitor, Performance, Window
from tests.servers import webhook
from tests.waiting import PATIENCE

DAY = "2026-06-08"


class Mailbox:
    def __init__(self):
        self.mails, self.working = [], True

    async def handle_DATA(self, server, session, envelope):  # noqa: ARG002, N802
        if not self.working:
            return "451 try later"
        self.mails.append(message_from_bytes(envelope.content))
        return "250 OK"

    @property
    def texts(self):
        return [mail.get_payload(decode=True).decode() for mail in self.mails]


class Held(Controller):
    """Listens on a socket that is bound already, so that nobody else can come by its port."""

    def __init__(self, held, box, patience):
        super().__init__(box, *held.getsockname(), ready_timeout=patience)
        self.held = held

    def _create_server(self):
        return self.loop.create_server(self._factory_invoker, sock=self.held)


@pytest.fixture
def mail():
    """A real SMTP server on loopback, and the address that apprise sends to it by."""
    box = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as held:
        controller = Held(held, box, PATIENCE)
        controller.start()
        box.url = f"mailto://127.0.0.1:{controller.port}?from=m@example.com&to=o@example.com"
        yield box
        controller.stop()


@pytest.fixture
def hook():
    """A webhook on loopback that keeps what it is sent."""
    with webhook() as served:
        yield served


@pytest.fixture
def store(tmp_path):
    return Store.connect(f"sqlite:///{tmp_path}/store.db")


def finding(kind, column, size=2.0):
    return Finding(kind=kind, column=column, size=size, level=1.0, text=f"`{column}` has {kind}" if size > 1 else "")


def monitor(*findings, action="investigate", performance=None):
    return Monitor(
        version=1, decision=Decision(action=action, reasons=["loss 0.6, worse"]), owner="@ann", findings=list(findings),
        window=Window(model="v1.0.0", start="2026-06-01", end="2026-06-07", days=7, rows=700), performance=performance,
    )  # fmt: skip


def test_mail_and_webhook_get_an_alert_a_cause_that_names_owner_column_and_page(mail, hook, store):
    told = alerts.of(monitor(finding("missing", "heat"), finding("frozen", "dew")), "https://example.com/run/1")
    assert alerts.deliver(told, f"{mail.url}\n{hook[0]}", DAY, store) == []
    assert [m["Subject"] for m in mail.mails] == ["missing heat: look into the data", "frozen dew: look into the data"]
    assert [message["title"] for message in hook[1]] == [m["Subject"] for m in mail.mails]
    for text in (mail.texts[0], hook[1][0]["message"]):
        assert "`heat` has missing" in text
        assert "Owner: @ann" in text
        assert "https://example.com/run/1" in text


def test_nothing_is_told_twice_a_day_and_the_next_day_again(mail, store):
    told = alerts.of(monitor(finding("missing", "heat")))
    for day in (DAY, DAY, "2026-06-09"):
        assert alerts.deliver(told, mail.url, day, store) == []
    assert len(mail.mails) == 2


def test_a_new_cause_on_the_same_day_is_told(mail, store):
    for findings in ([finding("missing", "heat")], [finding("missing", "heat"), finding("gone", "site")]):
        alerts.deliver(alerts.of(monitor(*findings)), mail.url, DAY, store)
    assert [m["Subject"].split(":")[0] for m in mail.mails] == ["missing heat", "gone site"]


def test_what_could_not_be_delivered_is_said_and_tried_again_where_it_failed_alone(mail, hook, store):
    told, urls = alerts.of(monitor(finding("missing", "heat"))), f"{mail.url} {hook[0]}"
    mail.working = False
    failed = alerts.deliver(told, urls, DAY, store)
    assert failed == [
        "alert 'missing heat: look into the data': address 1 of ALERT_URLS didn't take it; tried again later"
    ]
    mail.working = True
    assert alerts.deliver(told, urls, DAY, store) == []
    assert (len(mail.mails), len(hook[1])) == (1, 1)


def test_drift_of_many_columns_is_one_cause_and_a_worse_loss_another():
    worse = Performance(loss=0.6, released=0.5, difference=0.1, low=0.02, high=0.18, windows=17, outcomes=700)
    found = monitor(finding("drift", "heat"), finding("score", "score of 1"), action="retrain", performance=worse)
    assert [alert.title for alert in alerts.of(found)] == ["worse: retrain", "drift: retrain"]


def test_what_does_not_alarm_is_not_told(mail, store):
    assert alerts.of(monitor(finding("missing", "heat", size=0.5), action="none")) == []
    assert alerts.deliver([], mail.url, DAY, store) == []
    assert mail.mails == []


def test_without_a_store_everything_is_told(hook):
    told = alerts.of(monitor(finding("missing", "heat")))
    for _ in range(2):
        assert alerts.deliver(told, hook[0], DAY, None) == []
    assert len(hook[1]) == 2


def test_without_an_address_nothing_is_sent(store):
    assert alerts.deliver(alerts.of(monitor(finding("missing", "heat"))), "", DAY, store) == []


def test_an_address_that_apprise_does_not_know_is_refused_without_showing_it(store):
    with pytest.raises(BadInput, match=r"ALERT_URLS: address 1 is none that apprise knows") as error:
        alerts.deliver(alerts.of(monitor(finding("missing", "heat"))), "nonsense://user:secret@host", DAY, store)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("named", "lines", "owner"),
    [
        ("@bob", "* @ann", "@bob"),
        ("", "* @ann @eve # all", "@ann @eve"),
        ("", "* @ann\n/src/mlops/watching/ @eve\n/src/mlops/judging/ @bob", "@eve"),
        ("", "/src/mlops/ @eve\n# * @bob", "@eve"),
    ],
)
def test_the_owner_is_named_by_params_or_by_the_last_line_of_codeowners(tmp_path, named, lines, owner):
    (tmp_path / "CODEOWNERS").write_text(lines)
    assert alerts.owner(named, tmp_path / "CODEOWNERS") == owner


@pytest.mark.parametrize("lines", ["", "/src/problem/ @ann", "/src/mlops/watching/"])
def test_a_monitoring_without_an_owner_is_refused(tmp_path, lines):
    (tmp_path / "CODEOWNERS").write_text(lines)
    with pytest.raises(BadInput, match=r"monitor\.owner is empty"):
        alerts.owner("", tmp_path / "CODEOWNERS")
