# moto's S3 server, which speaks the real protocol and honours conditional PUTs, for run.sh's part s3.
ARG LBT=lbt:cpu
FROM ${LBT}
USER 0:0
RUN pip install -q 'moto[server]'
USER 10001:10001
CMD ["python", "-m", "moto.server", "-H", "0.0.0.0", "-p", "9000"]
