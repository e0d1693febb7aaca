"""The process of drawing.py: reads a chart a line, null for the library itself, and answers with a line."""

import json
import os
import sys

import vl_convert


def main() -> None:
    """Answer until standard input ends."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    # The engine's own last words are pages of addresses; who asked says what happened.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
    _answer('{"data": {"values": []}, "mark": "point"}')  # the first chart starts the engine
    for line in sys.stdin:
        answers.write(json.dumps(_answer(line.strip())) + "\n")
        answers.flush()


def _answer(spec: str) -> dict[str, str]:
    try:
        if spec == "null":
            return {"text": vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")}
        return {"text": vl_convert.vegalite_to_svg(spec)}
    except ValueError as error:
        return {"refused": str(error)}


if __name__ == "__main__":
    main()
