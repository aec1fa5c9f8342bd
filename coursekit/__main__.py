"""`python -m coursekit`: the command line, in an environment that is made on first use."""

import sys

# Commands that a fresh checkout starts with: they set the environment up themselves.
_SET_UP = {"lab": False, "test": True}


def main():
    arguments = sys.argv[1:]
    from coursekit import bootstrap

    in_checkout = (bootstrap.ROOT / "pyproject.toml").exists()
    if in_checkout and arguments and arguments[0] in _SET_UP and not bootstrap.inside():
        return bootstrap.rerun(arguments, test=_SET_UP[arguments[0]])
    if in_checkout and bootstrap.inside() and arguments[:1] == ["test"]:
        try:
            bootstrap.ensure(test=True)  # `lab` may have made the environment without the tests' packages
        except bootstrap.Stop as reason:
            print(reason, file=sys.stderr)
            return 1
    try:
        from coursekit import cli
    except ModuleNotFoundError as missing:
        print(
            f"The package {missing.name} is missing. In a checkout, `python -m coursekit lab` sets everything up.",
            file=sys.stderr,
        )
        return 1
    return cli.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
