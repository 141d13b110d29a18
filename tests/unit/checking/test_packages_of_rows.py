import tomllib

from node.checking.packages import manifest
from node.checking.reading import PackageKey


def test_a_package_asks_for_its_crate_and_the_features_that_rows_name():
    asked = tomllib.loads(manifest(PackageKey("2021", "tokio", "1.2", ("macros", "rt"))))
    assert asked["dependencies"] == {"tokio": {"version": "1.2", "features": ["macros", "rt"]}}
    assert asked["package"]["edition"] == "2021"
    assert tomllib.loads(manifest(PackageKey("2018", "heck", "0.5.0")))["dependencies"] == {"heck": "=0.5.0"}
    assert "dependencies" not in tomllib.loads(manifest(PackageKey("2024")))
