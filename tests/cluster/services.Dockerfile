# Stand-ins for upstream's Postgres and Prometheus images where none can be pulled: Debian's packages
# behind the same environment, ports and paths.
ARG BASE=docker.io/library/debian:bookworm
FROM ${BASE} AS postgres
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends postgresql \
    && rm -rf /var/lib/apt/lists/* && install -d -o postgres -g postgres /var/lib/postgresql/data
COPY tests/cluster/postgres.sh /usr/local/bin/start-postgres
USER postgres
VOLUME ["/var/lib/postgresql/data"]
CMD ["sh", "/usr/local/bin/start-postgres"]

FROM ${BASE} AS prometheus
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends prometheus \
    && rm -rf /var/lib/apt/lists/* && install -d -o prometheus -g prometheus /prometheus
USER prometheus
VOLUME ["/prometheus"]
ENTRYPOINT ["prometheus"]
