"""`python -m coursekit`: the command line, in an environment that is made on first use."""

import sys


def main():
    arguments = sys.argv[1:]
    from coursekit import bootstrap

    test = arguments[:1] == ["test"]
    if bootstrap.is_checkout():
        # What opens the course and what tests it runs in the pinned `.venv`; the rest wherever coursekit is installed.
        own = test or arguments[:1] == ["lab"]
        if not bootstrap.inside() and (own or not bootstrap.is_installed()):
            return bootstrap.rerun(arguments, test)
        if test:
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
