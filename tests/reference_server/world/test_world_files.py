"""World files: what each key comes to, and how each mistake is told."""

import tomllib
from dataclasses import fields
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import WorldFileError
from harness.target import Protocol
from harness.toml_files import MAX_FILE_OCTETS
from reference_server.world import ONE_SERVER
from reference_server.world.filters import OnFailure, Place, Rule, StageKind, StageSettings, Verdict, Way
from reference_server.world.load import load_world, world_of
from reference_server.world.model import (
    Domain,
    Host,
    Limits,
    MailboxKind,
    Mx,
    Network,
    Reach,
    Record,
    RelayLimits,
    RelayPolicy,
    Trouble,
    TroubleKind,
    User,
)
from reference_server.world.tables import (
    DomainTable,
    HostTable,
    LimitsTable,
    NetworkTable,
    RecordTable,
    RelayTable,
    TroubleTable,
    UserTable,
    WorldTable,
)

EXAMPLES = Path(__file__).parents[3] / "examples" / "worlds"

WHOLE = """
name = "everything"
seed = 7
plaintext_login = false
cheap_hashes = true

[network]
dns_address = "127.0.0.53"
dns_port = 5353
smtp_port = 2525

[relay]
retry_s = [60, 120]
give_up_s = 3600
delay_notice_s = 0
per_connection = 5

[limits]
recipients = 200

[[domains]]
name = "Company.Example."
mx = ["10 mail1.company.example", "20 MAIL2.company.example."]
mailboxes = "mail1.company.example"
catch_all = "wqp"
subaddress = "-"
[domains.aliases]
postmaster = "wqp"
sales = ["Wqp", "eric@other.example"]

[[domains]]
name = "other.example"
null_mx = true

[[hosts]]
name = "mail1.company.example"
address = "127.0.2.1"
listeners = { smtp = 2525, imap = 2143 }
relay = "local-networks"
local_networks = ["127.0.2.0/24"]
reach = "slow"
delay_ms = 50
lmtp = true

[[hosts]]
name = "mail2.company.example"
address = "127.0.2.2"
listeners = ["smtp", "submission"]
mailbox = "maildir"
mail_directory = "maildirs"

[[users]]
address = "WQP@company.example"
password = "secret"
name = "weiqun"
sieve = "keep;"
forward = ["eric@other.example", "lin"]
keep_copy = true
quota_octets = 1_000_000
connects_from = "127.0.9.9"

[[users]]
address = "lin@company.example"
password_env = "LIN_PASSWORD"
forward = "eric@other.example"

[[dns.records]]
name = "company.example"
type = "txt"
value = '"v=spf1 mx -all"'

[[dns.trouble]]
name = "other.example"
type = "MX"
kind = "lie"
times = 2
after = 1
answer = ["5 mail9.company.example."]

[[filters]]
stage = "spamd"
host = "Mail1.Company.Example"
listeners = ["smtp"]
at = "[::1]:783"
timeout_s = 3
verdict = "quarantine"
on_failure = "accept"
largest_octets = 500000

[[filters]]
stage = "after-queue"
name = "amavis"
host = ["mail2.company.example"]
at = "127.0.0.1:10024"
protocol = "lmtp"
take_back = "127.0.0.1:10025"

[[filters]]
stage = "batch"
name = "nightly"
directory = "held"
interval_s = 60
most = 100
command = ["clamscan", "{directory}"]

[[filters]]
stage = "clamd"
at = "unix:clamd.ctl"
batch = "nightly"

[[filters]]
stage = "rules"
rules = [{ verdict = "rewrite", header = "Subject", matches = "^ad", fields = { Subject = "[ad]" } }]
"""


def write(directory: Path, text: str) -> Path:
    path = directory / "world.toml"
    path.write_text(text)
    return path


@pytest.fixture(autouse=True)
def passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIN_PASSWORD", "hidden")


def test_every_key_comes_to_what_it_says(tmp_path: Path) -> None:
    world = load_world(write(tmp_path, WHOLE))

    assert (world.name, world.seed, world.plaintext_login, world.cheap_hashes) == (
        "everything",
        7,
        False,
        True,
    )
    assert world.network == Network("127.0.0.53", 5353, 2525)
    assert world.relay == RelayLimits((60, 120), give_up_s=3600, delay_notice_s=None, per_connection=5)
    assert world.limits == Limits(recipients=200)
    assert world.domains == (
        Domain(
            "company.example",
            mailboxes="mail1.company.example",
            mx=(Mx(10, "mail1.company.example"), Mx(20, "mail2.company.example")),
            aliases={
                "postmaster": ("wqp@company.example",),
                "sales": ("wqp@company.example", "eric@other.example"),
            },
            catch_all="wqp@company.example",
            subaddress="-",
        ),
        Domain("other.example", null_mx=True),
    )
    assert world.hosts == (
        Host(
            "mail1.company.example",
            "127.0.2.1",
            listeners={Protocol.SMTP: 2525, Protocol.IMAP: 2143},
            relay=RelayPolicy.LOCAL_NETWORKS,
            local_networks=("127.0.2.0/24",),
            reach=Reach.SLOW,
            delay_ms=50,
            lmtp=True,
        ),
        Host(
            "mail2.company.example",
            "127.0.2.2",
            listeners={Protocol.SMTP: 0, Protocol.SUBMISSION: 0},
            mailbox_kind=MailboxKind.MAILDIR,
            mail_directory=Path("maildirs"),
        ),
    )
    assert world.users == (
        User(
            "weiqun",
            "secret",
            "wqp@company.example",
            sieve="keep;",
            forward=("eric@other.example", "lin@company.example"),
            keep_copy=True,
            quota_octets=1_000_000,
            connects_from="127.0.9.9",
        ),
        User("lin", "hidden", "lin@company.example", forward=("eric@other.example",)),
    )
    assert world.records == (Record("company.example.", 300, "TXT", '"v=spf1 mx -all"'),)
    assert world.troubles == (
        Trouble("other.example", TroubleKind.LIE, "MX", 1, 2, answer=("5 mail9.company.example.",)),
    )
    everywhere = ("mail1.company.example", "mail2.company.example")
    assert world.filters == (
        StageSettings(
            StageKind.SPAMD,
            "spamd",
            everywhere[:1],
            (Way.SMTP,),
            at=Place("::1", 783),
            timeout_s=3,
            verdict=Verdict.QUARANTINE,
            on_failure=OnFailure.ACCEPT,
            largest=500_000,
        ),
        StageSettings(
            StageKind.AFTER_QUEUE,
            "amavis",
            everywhere[1:],
            at=Place("127.0.0.1", 10024),
            lmtp=True,
            take_back=Place("127.0.0.1", 10025),
        ),
        StageSettings(
            StageKind.BATCH,
            "nightly",
            everywhere,
            verdict=Verdict.QUARANTINE,
            directory=Path("held"),
            interval_s=60,
            most=100,
            command=("clamscan", "{directory}"),
        ),
        StageSettings(
            StageKind.CLAMD,
            "clamd",
            everywhere,
            at=Place(path=str(tmp_path / "clamd.ctl")),
            verdict=Verdict.QUARANTINE,
            batch="nightly",
        ),
        StageSettings(
            StageKind.RULES,
            "rules",
            everywhere,
            rules=(Rule(Verdict.REWRITE, header="Subject", matches="^ad", fields={"Subject": "[ad]"}),),
        ),
    )


@pytest.mark.parametrize(
    ("data", "table", "otherwise"),
    [
        (Network, NetworkTable, {}),
        (RelayLimits, RelayTable, {}),
        (Limits, LimitsTable, {}),
        (Domain, DomainTable, {}),
        (Host, HostTable, {"mailbox_kind": "mailbox"}),
        (User, UserTable, {}),
        (Record, RecordTable, {}),
        (Trouble, TroubleTable, {}),
    ],
)
def test_whatever_the_model_has_a_file_can_set(
    data: type, table: type[msgspec.Struct], otherwise: dict[str, str]
) -> None:
    wanted = {otherwise.get(each.name, each.name) for each in fields(data)}

    assert wanted <= set(table.__struct_fields__)


def test_what_is_left_out_is_as_the_model_has_it() -> None:
    least = {
        "hosts": [{"name": "mail.example.test", "address": "127.0.0.1"}],
        "domains": [{"name": "example.test", "mailboxes": "mail.example.test"}],
    }

    world = world_of(least, source="flags")

    assert world.hosts == ONE_SERVER.hosts
    assert world.domains == (Domain("example.test", mailboxes="mail.example.test"),)
    assert (world.network, world.relay, world.limits) == (Network(), RelayLimits(), Limits())


def test_a_host_whose_mail_is_in_files_has_no_listeners_for_a_store_by_default() -> None:
    host = {"name": "mail.example.test", "address": "127.0.0.1", "mailbox": "mbox"}

    world = world_of({"hosts": [host], "domains": []}, source="flags")

    assert set(world.hosts[0].listeners) == {
        Protocol.SMTP,
        Protocol.SUBMISSION,
        Protocol.SUBMISSIONS,
        Protocol.LMTP,
    }


def test_a_script_may_be_a_file_beside_the_world(tmp_path: Path) -> None:
    (tmp_path / "wqp.sieve").write_text("# über\ndiscard;")

    world = load_world(write(tmp_path, WHOLE.replace('sieve = "keep;"', 'sieve_file = "wqp.sieve"')))

    assert world.users[0].sieve == "# über\ndiscard;"


def test_a_script_that_does_not_compile_is_no_reason_to_refuse_the_world(tmp_path: Path) -> None:
    world = load_world(write(tmp_path, WHOLE.replace('sieve = "keep;"', 'sieve = "if if;"')))

    assert world.users[0].sieve == "if if;"


HOST1, HOST2 = "hosts[mail1.company.example]", "hosts[mail2.company.example]"
DOMAIN = "domains[Company.Example.]"
DNS = 'dns_address = "127.0.0.53"\ndns_port = 5353'
TXT = 'type = "txt"\nvalue = \'"v=spf1 mx -all"\''
WQP, LIN = "users[WQP@company.example]", "users[lin@company.example]"


@pytest.mark.parametrize(
    ("old", "new", "key", "says"),
    [
        # the tables themselves
        ("[network]", "[network", "", "not TOML"),
        ("seed = 7", "sed = 7", "sed", "known here: hosts, domains, name, seed"),
        ("seed = 7", 'seed = "7"', "seed", "must be a whole number, and is text '7'"),
        ('reach = "slow"', 'reach = "dawn"', f"{HOST1}.reach", "'dawn' is none of up, down, slow, unreachable"),
        ('relay = "local-networks"', 'relay = "all"', f"{HOST1}.relay", "none, local-networks, authenticated, open"),
        ('mailbox = "maildir"', 'mailbox = "mh"', f"{HOST2}.mailbox", "store, mbox, maildir"),
        ("lmtp = true", "lmpt = true", f"{HOST1}.lmpt", "mail_directory, lmtp"),
        ("lmtp = true", "lmtp = 1", f"{HOST1}.lmtp", "must be true or false, and is a whole number 1"),
        ("imap = 2143", "imapz = 2143", f"{HOST1}.listeners", "'imapz' is none of smtp, submission"),
        ('"smtp", "submission"]', '"smpt"]', f"{HOST2}.listeners[0]", "'smpt' is none of smtp, submission"),
        ("imap = 2143", "imap = 70000", f"{HOST1}.listeners", "<= 65535"),
        ('address = "127.0.2.1"', "", f"{HOST1}.address", "missing"),
        ("dns_port = 5353", "dns_port = -1", "network.dns_port", "must be a whole number >= 0, and is -1"),
        ("retry_s = [60, 120]", "retry_s = []", "relay.retry_s", "empty"),
        ("retry_s = [60, 120]", "retry_s = [60, 0]", "relay.retry_s[1]", "> 0, and is 0"),
        ("give_up_s = 3600", "give_up_s = inf", "relay.give_up_s", "<= 1000000000, and is inf"),
        ("recipients = 200", "recipients = 0", "limits.recipients", ">= 1, and is 0"),
        ('password = "secret"', "password = 1234", f"{WQP}.password", "must be text, and is a whole number"),
        # single values
        ('address = "127.0.2.1"', 'address = "192.0.2.1"', f"{HOST1}.address", "not a loopback address"),
        ('address = "127.0.2.1"', 'address = "mail1"', f"{HOST1}.address", "'mail1' is not an IP address"),
        ('name = "mail2.company.example"', 'name = "mail 2"', "hosts[mail 2].name", "not a domain name"),
        ('name = "mail2.company.example"', 'name = "[127.0.2.2]"', "hosts[[127.0.2.2]].name", "address literal"),
        ('["127.0.2.0/24"]', '["127.0.2.1/24"]', f"{HOST1}.local_networks[0]", "host bits set"),
        ('"10 mail1.company.example"', '"mail1.company.example"', f"{DOMAIN}.mx[0]", "'10 mail.example.test'"),
        ('"10 mail1.company.example"', '"70000 mail1"', f"{DOMAIN}.mx[0]", "'70000 mail1'"),
        ('subaddress = "-"', 'subaddress = "@"', f"{DOMAIN}.subaddress", "'@'"),
        ('catch_all = "wqp"', 'catch_all = "wq p"', f"{DOMAIN}.catch_all", "'wq p' is not an address"),
        ('address = "WQP@company.example"', 'address = "wqp"', "users[wqp].address", "'wqp' is not an address"),
        ('connects_from = "127.0.9.9"', 'connects_from = "home"', f"{WQP}.connects_from", "not an IP address"),
        ('password = "secret"', "", f"{WQP}.password", "exactly one"),
        ("LIN_PASSWORD", "NO_SUCH", f"{LIN}.password_env", "'NO_SUCH'"),
        ('sieve = "keep;"', 'sieve_file = "no.sieve"', f"{WQP}.sieve_file", "No such file"),
        ('sieve = "keep;"', 'sieve = ""\nsieve_file = "a"', f"{WQP}.sieve", "one of"),
        ('type = "txt"', 'type = "nope"', "dns.records[0]", "nope"),
        ('type = "txt"', 'type = "A"', "dns.records[0]", "v=spf1"),
        ('kind = "lie"', 'kind = "timeout"', "dns.trouble[0].answer", "kind is 'timeout'"),
        ("after = 1", "delay_ms = 1", "dns.trouble[0].delay_ms", "kind = 'delay'"),
        ('["5 mail9.company.example."]', '["127.0.0.1"]', "dns.trouble[0]", "cannot be read"),
        # between the tables
        ('address = "127.0.2.2"', 'address = "127.0.2.1"', f"{HOST2}.address", "127.0.2.1 is given"),
        ('"20 MAIL2.company.example."', '"20 mail3"', f"{DOMAIN}.mx[1]", "mail3 is no host of this world"),
        ('mailboxes = "mail1.', 'mailboxes = "mail9.', f"{DOMAIN}.mailboxes", "hosts: mail1.company.example, mail2"),
        ("null_mx = true", 'null_mx = true\nmx = ["1 mail1"]', "domains[other.example].null_mx", "takes no mail"),
        ("smtp = 2525, imap", "smtp = 2526, imap", f"{HOST1}.listeners.smtp", "network.smtp_port"),
        ("imap = 2143", "imap = 2525", f"{HOST1}.listeners.imap", "2525 is the port of smtp already"),
        (DNS, DNS.replace("0.53", "2.1").replace("5353", "2143"), f"{HOST1}.listeners.imap", "the port of dns"),
        ('relay = "local-networks"', 'relay = "none"', f"{HOST1}.local_networks", "no meaning"),
        ('local_networks = ["127.0.2.0/24"]', "", f"{HOST1}.local_networks", "needs it"),
        ("lmtp = true", 'mailbox = "mbox"', f"{HOST1}.listeners", "imap, which serve the store"),
        ("lin@company.example", "lin@a.example", "users[lin@a.example].address", "a.example is no domain"),
        ("lin@company.example", "lin@other.example", "users[lin@other.example].address", "has no mailboxes"),
        ("lin@company.example", "Wqp@company.example", "users[Wqp@company.example].address", "is given"),
        ('password_env = "LIN_PASSWORD"', 'password = "x"\nname = "Weiqun"', f"{LIN}.name", "'Weiqun'"),
        ('forward = ["eric@other.example", "lin"]', "", f"{WQP}.keep_copy", "goes with forward"),
        ('catch_all = "wqp"', 'catch_all = "nobody"', f"{DOMAIN}.catch_all", "nobody@company.example is nobody"),
        ('postmaster = "wqp"', 'a = "b"\nb = "a"', f"{DOMAIN}.aliases.a", "leads back to itself"),
        ('postmaster = "wqp"', "postmaster = []", f"{DOMAIN}.aliases.postmaster", "nobody"),
        ('postmaster = "wqp"', 'wqp = "lin"', f"{DOMAIN}.aliases.wqp", "is a user's address"),
        ('host = "Mail1.Company.Example"', 'host = "x.example"', "filters[0].host", "x.example is no host"),
        ('stage = "spamd"', 'stage = "spam"', "filters[0].stage", "'spam' is none of built-in, clamd, milter"),
        ('at = "[::1]:783"', "", "filters[0].at", "needs it"),
        ('at = "[::1]:783"', 'at = "783"', "filters[0].at", "'783' is not a place such as 127.0.0.1:3310"),
        ('at = "unix:clamd.ctl"', 'at = "a:0"', "filters[3].at", "not a place"),
        ('at = "127.0.0.1:10024"', 'at = "unix:a"', "filters[amavis].at", "not a place"),
        ('verdict = "quarantine"', 'verdict = "accept"', "filters[0].verdict", "none of tag, rewrite"),
        ('name = "amavis"', 'name = "A B"', "filters[A B].name", "lower-case letters"),
        ('name = "nightly"', 'name = "amavis"', "filters[amavis].name", "another stage of the same host"),
        ('take_back = "127.0.0.1:10025"', "", "filters[amavis].take_back", "needs it"),
        ('take_back = "127.0.0.1:10025"', 'take_back = "192.0.2.1:25"', "filters[amavis].take_back", "loopback"),
        ('host = ["mail2.company.example"]', "", "filters[amavis].host", "takes one host"),
        ('batch = "nightly"', 'batch = "weekly"', "filters[3].batch", "is named 'weekly'"),
        ('batch = "nightly"', 'batch = "nightly"\nlisteners = ["smtp"]', "filters[3].listeners", "no meaning"),
        ('batch = "nightly"', "most = 3", "filters[3].most", "goes with stage = 'batch', and stage is 'clamd'"),
        ('matches = "^ad"', 'matches = "("', "filters[4].rules[0].matches", "regular expression"),
        ('header = "Subject", ', "", "filters[4].rules[0].matches", "goes with header"),
        ('header = "Subject"', 'header = "a b"', "filters[4].rules[0].header", "not the name of a field"),
        (', fields = { Subject = "[ad]" }', "", "filters[4].rules[0].fields", "needed there"),
        ('{ Subject = "[ad]" }', '{ Subject = "ä" }', "filters[4].rules[0].fields", "printable ASCII"),
        ('"rewrite", ', '"reject", text = "ä", ', "filters[4].rules[0].fields", "goes with verdict"),
        (TXT, 'type = "CNAME"\nvalue = "a."', "dns.records", "company.example"),
    ],
)  # fmt: skip
def test_a_mistake_names_file_key_and_what_is_allowed(
    tmp_path: Path, old: str, new: str, key: str, says: str
) -> None:
    assert old in WHOLE
    path = write(tmp_path, WHOLE.replace(old, new, 1))

    with pytest.raises(WorldFileError) as caught:
        load_world(path)

    assert caught.value.key == key
    assert says in caught.value.problem
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
    assert "1234" not in str(caught.value)


def test_an_alias_that_only_a_catch_all_would_answer_is_nobodys() -> None:
    data = tomllib.loads(WHOLE.replace('catch_all = "wqp"', "").replace('"wqp"', '"nobody"', 1))

    with pytest.raises(WorldFileError, match=r"nobody@company\.example is nobody"):
        world_of(data, source="flags")


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(WorldFileError, match=r"cannot be read .* path of a world file"):
        load_world(tmp_path / "nowhere.toml")


def test_a_file_that_is_no_world_file_is_refused_by_its_size(tmp_path: Path) -> None:
    with pytest.raises(WorldFileError, match=f"at most {MAX_FILE_OCTETS} octets"):
        load_world(write(tmp_path, "#" * (MAX_FILE_OCTETS + 1)))


def test_an_exchanger_with_an_address_in_the_dns_may_be_another_machine(tmp_path: Path) -> None:
    text = WHOLE.replace("20 MAIL2.company.example.", "20 postfix.example")
    record = '\n[[dns.records]]\nname = "postfix.example"\ntype = "A"\nvalue = "127.0.8.1"\n'

    world = load_world(write(tmp_path, text + record))

    assert world.domains[0].mx[1] == Mx(20, "postfix.example")


def test_where_the_dns_is_another_one_nothing_is_known_of_exchangers(tmp_path: Path) -> None:
    text = WHOLE.replace("20 MAIL2.company.example.", "20 far.example").replace(
        "smtp_port = 2525", "smtp_port = 25\nown = false"
    )

    world = load_world(write(tmp_path, text))

    assert world.network.own is False


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_keys = st.sampled_from([*WorldTable.__struct_fields__, *HostTable.__struct_fields__, "x"])
_tables = st.lists(
    st.dictionaries(
        st.sampled_from([*HostTable.__struct_fields__, *DomainTable.__struct_fields__]), _values, max_size=4
    ),
    max_size=2,
)


@given(st.dictionaries(_keys, _values | _tables))
def test_any_tables_are_a_world_or_a_clear_refusal(data: dict[str, object]) -> None:
    try:
        world = world_of(data, source="flags")
    except WorldFileError as exc:
        refusal = str(exc)
    else:
        refusal = ""
        assert world.hosts

    assert not refusal or refusal.startswith("flags: ")


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.stem)
def test_the_examples_are_worlds_with_a_postmaster_everywhere(path: Path) -> None:
    world = load_world(path)

    assert world.network.smtp_port in {25, 2525}
    for domain in world.domains:
        assert not domain.mailboxes or "postmaster" in domain.aliases, domain.name


def test_the_examples_share_no_address() -> None:
    worlds = [load_world(path) for path in EXAMPLES.glob("*.toml")]
    addresses = [host.address for world in worlds for host in world.hosts]
    addresses += [world.network.dns_address for world in worlds]

    assert len(worlds) >= 7
    assert len(set(addresses)) == len(addresses)
