"""The chain commands, one after the other as an operator types them, against an EVM behind real HTTP."""

import asyncio
import json
import stat
import threading

import pytest

from node.chain.account import ACCOUNT_FILE, KEY_FILE_VARIABLE, KEY_VARIABLE, load_account
from node.chain.embedded import FUNDED_SECRETS, EmbeddedChain, EmbeddedServer
from node.identity import IdentityStore
from tests.unit.cli.conftest import run


@pytest.fixture(autouse=True)
def _quiet_environment(monkeypatch, tmp_path):
    for name in (KEY_VARIABLE, KEY_FILE_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))


@pytest.fixture
def node(tmp_path):
    run("init", "--data", tmp_path / "n", "--port", 7105)
    return tmp_path / "n"


class ServedChain:
    """An EVM on a thread of its own, since commands bring their own event loop."""

    def __enter__(self):
        self.chain, self._loop = EmbeddedChain(), asyncio.new_event_loop()
        self._server = EmbeddedServer(self.chain)
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._in_loop(self._server.start())
        return self

    def __exit__(self, *_):
        self._in_loop(self._server.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self):
        return self._server.url

    def fund(self, address):
        async def fund():
            self.chain.fund(bytes.fromhex(address[2:]), 10**20)

        self._in_loop(fund())

    def balance(self, address):
        async def balance():
            return self.chain._tester.get_balance(address)

        return self._in_loop(balance())

    def travel(self, seconds):
        async def travel():
            tester = self.chain._tester
            tester.time_travel(tester.get_block_by_number("latest")["timestamp"] + seconds)

        self._in_loop(travel())

    def _in_loop(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(120)


def configure(node, **settings):
    path = node / "config.toml"
    kept = path.read_text().split("[chain]")[0]
    path.write_text(kept + "[chain]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items()))


def test_from_nothing_to_a_registered_node_that_agrees_with_the_chain(node):
    binding = json.loads(run("chain", "account", "--data", node, "--json").out)
    with ServedChain() as served:
        configure(node, endpoint=served.url, confirmations=1)
        poor = run("chain", "deploy", "--data", node)
        assert (poor.code, "ether" in poor.error) == (2, True)
        served.fund(binding["account"])
        assert run("chain", "deploy", "--data", node).code == 0
        again = run("chain", "deploy", "--data", node)
        assert (again.code, "is there already" in again.error) == (2, True)

        told = json.loads(run("chain", "status", "--data", node, "--json").out)
        assert (told["reachable"], told["registered"], told["lag_epochs"], told["entries"]) == (True, False, 0, 0)
        registered = run("chain", "register", "--data", node, "--stake-wei", 1000, "--wait", 30)
        assert (registered.code, registered.out) == (0, "registered\n")
        assert "registered already" in run("chain", "register", "--data", node).error

        told = json.loads(run("chain", "status", "--data", node, "--json").out)
        states = {name: told[name] for name in ("queued", "sent", "mined", "done", "failed")}
        assert told["registered"]
        assert sum(states.values()) == told["entries"] == states["done"] == 1
        assert "up to date" in run("chain", "status", "--data", node).out
        assert run("chain", "sync", "--data", node).out == "ledger and chain agree\n"
        assert_the_stake_comes_back(node, served, binding["account"])
        assert run("chain", "sync", "--data", node).out == "ledger and chain agree\n", "what is done once stays done"
        verified = run("reputation", "verify", "--data", node, "--chain")
        assert (verified.code, "the same roots" in verified.out) == (0, True)
    assert_secret_is_nowhere(node)
    gone = run("chain", "status", "--data", node)
    assert (gone.code, "DOES NOT ANSWER" in gone.out) == (3, True)


def assert_the_stake_comes_back(node, served, account):
    """Asked for, locked, paid to whom its owner names, and nothing left to ask for."""
    other = "0x8ba1f109551bD432803012645Ac136ddd64DBA72"
    typo = run("chain", "withdraw", "--data", node, "--to", other.replace("8", "9"))
    assert (typo.code, "checksum" in typo.error) == (2, True)
    asked = run("chain", "withdraw", "--data", node, "--to", other, "--wait", 30)
    assert (asked.code, "asked for: " in asked.out, "can be fetched from" in asked.out) == (0, True, True)
    early = run("chain", "withdraw", "--data", node, "--to", other)
    assert (early.code, "locked until" in early.error) == (3, True)
    served.travel(15 * 86_400)
    paid = run("chain", "withdraw", "--data", node, "--to", other, "--wait", 30)
    assert (paid.code, f"wei to {other}" in paid.out) == (0, True)
    wei = int(paid.out.split()[1])
    assert served.balance(other) == wei == 1000
    again = run("chain", "withdraw", "--data", node)
    assert (again.code, "nothing at stake" in again.error) == (2, True)


def assert_secret_is_nowhere(node):
    """Not in the database, nor in any file of the data folder, in no form."""
    secret = load_account(node, IdentityStore(node).load(), {}).secret
    for path in (item for item in node.rglob("*") if item.is_file()):
        data = path.read_bytes()
        assert secret not in data, path
        assert secret.hex().encode() not in data.lower(), path


# The account


def test_an_account_is_made_once_sealed_and_its_key_never_shown(node):
    first, second = run("chain", "account", "--data", node), run("chain", "account", "--data", node)
    assert first.out == second.out
    assert stat.S_IMODE((node / ACCOUNT_FILE).stat().st_mode) == 0o600
    assert_secret_is_nowhere(node)


def test_an_account_from_a_file_or_the_environment_leaves_nothing_behind(node, tmp_path, monkeypatch):
    key = tmp_path / "key.hex"
    key.write_text(FUNDED_SECRETS[0].hex())
    key.chmod(0o644)
    monkeypatch.setenv(KEY_FILE_VARIABLE, str(key))
    assert "open to others" in run("chain", "account", "--data", node).error
    key.chmod(0o600)
    assert "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf" in run("chain", "account", "--data", node).out
    monkeypatch.setenv(KEY_VARIABLE, "not a key, and certainly a secret")
    refused = run("chain", "account", "--data", node)
    assert refused.code == 2
    assert "certainly" not in refused.err
    assert not (node / ACCOUNT_FILE).exists()


def test_an_account_sealed_by_another_identity_is_refused(node, tmp_path):
    run("chain", "account", "--data", node)
    run("init", "--data", tmp_path / "m", "--port", 7106)
    (tmp_path / "m" / ACCOUNT_FILE).write_bytes((node / ACCOUNT_FILE).read_bytes())
    (tmp_path / "m" / ACCOUNT_FILE).chmod(0o600)
    refused = run("chain", "account", "--data", tmp_path / "m")
    assert (refused.code, "was sealed by" in refused.error) == (2, True)


# Bad input


def test_without_a_chain_the_commands_say_what_to_set(node):
    for words in (("chain", "status"), ("chain", "sync"), ("chain", "register")):
        ended = run(*words, "--data", node)
        assert ended.code == 2, words
        assert "chain.endpoint" in ended.hint
    assert "chain.endpoint" in run("reputation", "verify", "--chain", "--data", node).hint


def test_a_missing_or_damaged_deployment_file_is_named(node):
    configure(node, endpoint="http://127.0.0.1:1", confirmations=1)
    assert "cannot read" in run("chain", "status", "--data", node).error
    for text in ("", "{}", '{"format": "swarm-node chain deployment 1"}', "[" * 100_000):
        (node / "chain.json").write_text(text)
        assert "is no deployment" in run("chain", "status", "--data", node).error


def test_an_endpoint_that_is_no_address_is_refused_and_a_password_in_one_is_never_shown(node):
    for address in ("nonsense", "ftp://host/x", "http://"):
        assert (
            "no HTTP address" in run("chain", "deploy", "--data", node, "--endpoint", address).error
            or not (node / ACCOUNT_FILE).exists()
        )
    run("chain", "account", "--data", node)
    for address in ("nonsense", "ftp://host/x", "http://"):
        assert "no HTTP address" in run("chain", "deploy", "--data", node, "--endpoint", address).error
    ended = run("chain", "deploy", "--data", node, "--endpoint", "http://user:hunter2@127.0.0.1:1/v3/secretpath")
    assert ended.code == 3
    assert "hunter2" not in ended.err
    assert "secretpath" not in ended.err


def test_bindings_that_were_not_signed_or_come_twice_are_refused(node, tmp_path):
    binding = json.loads(run("chain", "account", "--data", node, "--json").out)
    path = tmp_path / "binding.json"
    path.write_text(json.dumps(binding))
    words = ("chain", "deploy", "--data", node, "--endpoint", "http://127.0.0.1:1", "--binding", path)
    assert "same node" in run(*words).error
    path.write_text(json.dumps(binding | {"account": "0x" + "11" * 20}))
    assert "did not sign" in run(*words).error
    path.write_text("no json")
    assert "no binding" in run(*words).error
    path.write_text("[]")
    assert "no binding" in run(*words).error


def test_settings_out_of_range_are_refused(node):
    configure(node, confirmations=0)
    assert "chain.confirmations" in run("chain", "status", "--data", node).error
    configure(node, fee_max_gwei=0)
    assert "chain.fee_max_gwei" in run("chain", "status", "--data", node).error
