# Every target prepares what it needs by itself (.setup/setup) and says what it installs before it does.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Assets (real video, models) are optional always: taken from beside the clone where nothing else is said.
ifndef APPLIANCE_ASSETS
  ifneq ($(wildcard ../shared/videos),)
    export APPLIANCE_ASSETS := $(abspath ../shared)
  endif
endif

py := .venv/bin/python
setup := @.setup/setup
pytest := $(py) -m pytest --hold-floor --durations=10 --durations-min=1

.PHONY: image image-test help demo page test test-full bench lint clean lock floor setup-demo setup-test

help: ## la liste des commandes | this list
	@echo "make CIBLE / make TARGET"; sed -n 's/^\([a-z-]*\):.*## \(.*\) | \(.*\)/  \1|\2|\3/p' Makefile | \
	  while IFS='|' read -r target fr en; do printf '%-12s %s\n%-12s %s\n' "$$target" "$$fr" "" "$$en"; done

demo: setup-demo ## caméras simulées, enregistrement, page web ; DURATION=60 s'arrête seul | simulated cameras, recorder and page; DURATION=60 stops by itself
	@exec $(py) -m appliance.demo $(if $(DURATION),--duration $(DURATION))

test: setup-test ## tous les essais rapides, 8 min au plus ; ARGS= pour pytest | every quick test, 8 min at most; ARGS= for pytest
	@$(pytest) --tier=quick $(ARGS)

test-full: setup-test ## les essais longs seuls, 40 min au plus ; NIGHTLY=1 en ajoute | only the long tests, 40 min at most; NIGHTLY=1 adds more
	@$(pytest) --tier=full$(if $(NIGHTLY),$(comma)nightly) $(ARGS)

page: setup-demo ## construit la page web | builds the web page

bench: setup-test ## mesures, à côté d'un concurrent ; ONLY=ligne, QUICK=1 | measurements, beside a peer; ONLY=row, QUICK=1
	@$(py) -m tests.bench.run $(if $(ONLY),--only $(ONLY)) $(if $(QUICK),--quick)

image: setup-image ## construit l'image de l'appareil, en root ; MIRROR= SNAPSHOT= RELOCK=1 | builds the appliance's image, as root; MIRROR= SNAPSHOT= RELOCK=1
	@PYTHONPATH=image-build $(py) -m imagebuild $(if $(MIRROR),--mirror $(MIRROR)) $(if $(SNAPSHOT),--snapshot $(SNAPSHOT)) $(if $(RELOCK),--relock)

image-test: setup-test image ## démarre l'image dans une machine virtuelle ; ONLY= pour un seul essai | starts the image in a virtual machine; ONLY= for one test
	@$(pytest) --tier=image tests/image $(if $(ONLY),-k "$(ONLY)") $(ARGS)

lint: ## toutes les vérifications statiques | every static check
	$(setup) run test lint page
	@.setup/lint

lock: ## refait les fichiers de verrouillage ; RELOCK=1 prend les versions récentes | makes the lock files again; RELOCK=1 takes newer versions
	$(setup) run image lock
	@build/lock-venv/bin/python .setup/lock.py $(if $(RELOCK),--upgrade)

floor: ## relève le nombre d'essais que la CI exige, d'après les derniers passages | raises the number of tests that CI asks for, from the last runs
	@$(py) .setup/floor.py

clean: ## efface ce qui a été produit ; CLEAN=all aussi ce qui a été installé | removes what was produced; CLEAN=all what was installed too
	@rm -rf build webui/dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find appliance tests -name __pycache__ -prune -exec rm -rf {} +
	$(if $(filter all,$(CLEAN)),@rm -rf .venv webui/node_modules tests/peers/node/node_modules)

setup-demo:
	$(setup) run page

setup-test:
	$(setup) run test page peers schema counterparts

setup-image:
	$(setup) run page image-build

comma := ,
