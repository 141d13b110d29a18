"""For tests of the contracts: deployed once a file, and put back after each test."""

import pytest


@pytest.fixture(scope="module")
def deployed():
    """All contracts; files that need other signers deploy their own."""
    from tests.support.contract_chain import deploy_all  # imports an EVM, or skips

    return deploy_all()


@pytest.fixture
def swarm(deployed):
    """The same, without what other tests did to it."""
    from tests.support.contract_chain import put_back

    with put_back(deployed):
        yield deployed
