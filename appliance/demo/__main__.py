"""`python -m appliance.demo`: what `make demo` runs."""

import argparse
import asyncio
import sys
from pathlib import Path

from appliance.core.clock import SystemClock
from appliance.core.errors import ApplianceError
from appliance.core.language import language_of
from appliance.demo.show import Show, ShowOptions
from appliance.demo.staff import codes
from appliance.demo.strike import Striker
from appliance.demo.words import Voice


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m appliance.demo",
        description="Quatre caméras simulées, l'enregistreur, une page | Four simulated cameras, recorder, page",
    )
    parser.add_argument(
        "strike",
        nargs="?",
        choices=("cut", "lose-disk", "code"),
        help="sur la démonstration qui tourne : tuer l'enregistreur, retirer un disque puis le remettre, ou montrer "
        "les codes des téléphones | on the demonstration that runs: kill the recorder, take a disk away and give it "
        "back, or show the telephones' codes",
    )
    parser.add_argument(
        "--duration", type=float, default=0.0, help="secondes, 0 = jusqu'à Ctrl-C | seconds, 0 = until Ctrl-C"
    )
    parser.add_argument(
        "--port", type=int, default=8080, help="port de la page, ou le suivant libre | page's port, or the next free"
    )
    parser.add_argument("--lang", choices=("fr", "en"), default=None)
    parser.add_argument("--work", type=Path, default=Path("build/demo"), help="dossier de travail | work folder")
    parser.add_argument("--cache", type=Path, default=Path("build/demo-clips"), help="clips préparés | prepared clips")
    parser.add_argument(
        "--drawn", action="store_true", help="scènes dessinées même s'il y a des vidéos | drawn scenes always"
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run the demonstration; 0 = everything recorded or explained, 1 = not, 2 = wrong use."""
    arguments = _arguments(sys.argv[1:] if argv is None else argv)
    voice = Voice(arguments.lang or language_of())
    work: Path = arguments.work.resolve()
    options = ShowOptions(
        duration_s=arguments.duration or None,
        port=arguments.port,
        work=work,
        cache=arguments.cache.resolve(),
        use_assets=not arguments.drawn,
    )

    async def show() -> int:
        if arguments.strike == "code":
            for name, code in (await asyncio.to_thread(codes, work, SystemClock())).items():
                voice.line(f"{name:<9} {code}")
            return 0
        if arguments.strike:
            return await Striker(work, voice, SystemClock()).run(arguments.strike)
        return await Show(options, voice).run()

    try:
        return asyncio.run(show())
    except ApplianceError as error:
        voice.line(error.sentence(voice.language))
        return 1


if __name__ == "__main__":
    sys.exit(main())
