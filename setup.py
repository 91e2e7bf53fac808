"""Where the four packages lie once installed: below one name, since `config` or `models` may be anybody's.

Everything else stands in pyproject.toml, which cannot say this but by a list of all packages.
"""

from setuptools import find_packages, setup

HOUSE = ("config", "models", "states", "flows")

setup(
    packages=[
        f"gangchuang.{found}" for found in find_packages(include=[name for top in HOUSE for name in (top, f"{top}.*")])
    ],
    package_dir={f"gangchuang.{top}": top for top in HOUSE},
)
