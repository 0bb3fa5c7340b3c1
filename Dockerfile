# docker build -t outrider .
# docker run -p 127.0.0.1:8080:8080 -v "$PWD/config.toml:/etc/outrider/config.toml:ro" -e STRIPE_API_KEY outrider
FROM python:3.13-slim AS build
WORKDIR /src
COPY pyproject.toml README.md ./
COPY proxy proxy
COPY plugins plugins
RUN python -m venv /opt/outrider
RUN /opt/outrider/bin/pip install --no-cache-dir .

FROM python:3.13-slim
RUN useradd --system --create-home --home-dir /var/lib/outrider outrider
COPY --from=build /opt/outrider /opt/outrider
ENV PATH=/opt/outrider/bin:$PATH
USER outrider
WORKDIR /var/lib/outrider
EXPOSE 8080 8081
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["outrider", "health", "--config", "/etc/outrider/config.toml"]
ENTRYPOINT ["outrider"]
CMD ["run", "--config", "/etc/outrider/config.toml"]
