# mailbearer as a container: docker build -t mailbearer .
# It runs as a user without rights, on a root that may be read-only; docs/guides/containers.md says how.

FROM node:22-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
# The keyring of a desktop is no use in a container; PostgreSQL is, and as optional.
RUN npm run build && npm prune --ignore-scripts --omit=dev && rm -r node_modules/@napi-rs

FROM node:22-bookworm-slim
RUN groupadd --system --gid 10001 mailbearer \
    && useradd --system --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/mailbearer mailbearer \
    && install -d -o mailbearer -g mailbearer -m 0700 /etc/tokens /var/lib/mailbearer
WORKDIR /opt/mailbearer
COPY --from=build /build/node_modules ./node_modules
COPY --from=build /build/dist ./dist
COPY package.json LICENSE ./
COPY bin ./bin
COPY packaging/container/healthcheck.js ./
RUN ln -s /opt/mailbearer/bin/mailbearer.js /usr/local/bin/mailbearer
ENV NODE_ENV=production
USER 10001:10001
VOLUME ["/etc/tokens", "/var/lib/mailbearer"]
EXPOSE 2525
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["node", "/opt/mailbearer/healthcheck.js"]
ENTRYPOINT ["mailbearer"]
CMD ["serve"]
