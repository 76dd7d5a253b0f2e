# Built from the runtime lock alone: what runs in the image is what was tested.
FROM python:3.11.14-slim-bookworm AS build

WORKDIR /build
RUN python -m venv /opt/placement
COPY requirements/runtime.lock requirements/runtime.lock
RUN /opt/placement/bin/python -m pip install --no-cache-dir --disable-pip-version-check \
    --only-binary :all: --require-hashes --requirement requirements/runtime.lock
COPY pyproject.toml README.md LICENSE ./
COPY examples examples
COPY models models
COPY placement placement
COPY api api
# Code for any processor of the architecture: the image may run on another one than it was built on.
ENV NUMBA_CPU_NAME=generic
# The search is compiled here, as its user may not write to it. Installers are of no use in the running image.
RUN /opt/placement/bin/python -m pip install --no-cache-dir --disable-pip-version-check \
    --no-deps --no-build-isolation . \
    && /opt/placement/bin/python -I -c 'import placement; placement.warm_up()' \
    && /opt/placement/bin/python -m pip uninstall --yes setuptools pip

FROM python:3.11.14-slim-bookworm

LABEL org.opencontainers.image.title="layer-placement" \
    org.opencontainers.image.description="Provably optimal placement of Transformer layers on terminals and edge nodes" \
    org.opencontainers.image.licenses="Apache-2.0"

COPY --from=build /opt/placement /opt/placement
# HOME: a numeric user has none; /tmp is also where the solvers put their scratch files.
# NUMBA_CPU_NAME: as at the build, or the compiled search does not fit.
ENV PATH=/opt/placement/bin:$PATH \
    HOME=/tmp \
    PLACEMENT_STATE_DIR=/var/lib/placement \
    NUMBA_CPU_NAME=generic \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
# A volume mounted here takes over its owner and mode.
RUN install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/placement
WORKDIR /tmp
USER 10001:10001
EXPOSE 8000

# The standard library is enough to ask; no proxy stands between a container and itself.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "from urllib.request import ProxyHandler, build_opener; build_opener(ProxyHandler({})).open('http://127.0.0.1:8000/healthz', timeout=4)"]

CMD ["placement", "serve", "--host", "0.0.0.0", "--port", "8000"]
