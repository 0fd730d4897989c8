# The GitHub App in a container: docs/self-hosting.md. It listens on port 3000 and keeps everything in /data.
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
# What packages want to do at their installation is not needed here, and ours would build before its sources are there.
RUN npm ci --ignore-scripts --no-fund --no-audit
COPY tsconfig.json tsconfig.build.json ./
COPY scripts/build.ts scripts/copy-run-time-files.ts scripts/
COPY src src
RUN node scripts/build.ts && npm prune --omit=dev --ignore-scripts --no-fund --no-audit

FROM ${NODE_IMAGE}
# python3 and bubblewrap are for sandboxes within this container, which it has to be allowed to make.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends bubblewrap ca-certificates git python3 python3-venv tini \
  && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 10001 --create-home distiller && install --directory --owner=distiller --mode=700 /data
COPY --from=build /app/node_modules /app/node_modules
COPY --from=build /app/lib /app/lib
COPY bin /app/bin
COPY package.json app.yml schema.json LICENSE /app/
RUN ln -s /app/bin/codedistiller.js /usr/local/bin/codedistiller
ENV HOST=0.0.0.0 PORT=3000 CODEDISTILLER_DATA=/data CODEDISTILLER_CACHE=/data/cache
USER distiller
# A .env and a configuration file that are mounted here are found by their names alone.
WORKDIR /config
VOLUME /data
EXPOSE 3000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["tini", "--", "codedistiller"]
CMD ["serve"]
