"""Checks the service's description of itself: check_api.py APUS MODELS SCHEMATHESIS

* the three OpenAPI documents are valid by an independent validator;
* the example in each of them really scores when it is posted;
* schemathesis, which makes up requests from a document, finds none that gives a 5xx;
* Prometheus's own parser reads the metrics, and they are those of the requests before.
"""

import json
import subprocess
import sys
import tempfile

import openapi_spec_validator
import prometheus_client.parser
import servers

VERSIONS = ["2", "3", "3.1"]


def fetch_document(url, version):
    status, body = servers.request(f"{url}/swagger.json?version={version}")
    if status != 200:
        sys.exit(f"swagger.json?version={version} answered {status}: {body[:300].decode(errors='replace')}")
    return json.loads(body)


def resolve(document, node):
    """Follows `{"$ref": "#/a/b"}`."""
    while "$ref" in node:
        target = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def score_body(document):
    """What describes the body of POST /score: OpenAPI 2 has a parameter, 3 and later a media type."""
    operation = document["paths"]["/score"]["post"]
    if "swagger" in document:
        return next(p for p in operation["parameters"] if p["in"] == "body")
    return operation["requestBody"]["content"]["application/json"]


def score_example(document):
    body = score_body(document)
    for node in (body, resolve(document, body["schema"])):
        if "example" in node:
            return node["example"]
        if node.get("examples"):  # JSON Schema, and so OpenAPI 3.1, has a list.
            return node["examples"][0]
    sys.exit("a document has no example for POST /score")


def check_document(url, version):
    document = fetch_document(url, version)
    openapi_spec_validator.validate(document)
    status, answer = servers.post_json(url + "/score", score_example(document))
    if status != 200:
        sys.exit(f"the example of version {version} answered {status}: {answer[:300].decode(errors='replace')}")
    print(f"OpenAPI document, version {version}: valid, and its example scores")


def fuzz(url, schemathesis):
    command = [schemathesis, "run", f"{url}/swagger.json?version=3", "--url", url]
    command += ["--checks", "not_a_server_error", "--max-examples", "50", "--seed", "1"]
    command += ["--phases", "examples,coverage,fuzzing", "--generation-database", "none"]
    command += ["--request-timeout", "10", "--no-color"]
    with tempfile.TemporaryDirectory() as folder:  # It leaves a record of its runs where it is started.
        if subprocess.run(command, cwd=folder).returncode != 0:
            sys.exit("schemathesis found a request that the service does not survive (above)")


def scrape(url):
    """The values of the metrics, by name and labels."""
    status, page = servers.request(url + "/metrics")
    if status != 200:
        sys.exit(f"/metrics answered {status}")
    families = list(prometheus_client.parser.text_string_to_metric_families(page.decode()))
    names = [family.name for family in families]
    if len(set(names)) < len(names) or not all(family.documentation for family in families):
        sys.exit(f"/metrics has families without a text, or twice: {names}")
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def total(metrics, name):
    return sum(value for (sample, _), value in metrics.items() if sample == name)


def check_metrics(url):
    before = scrape(url)
    if total(before, "apus_model_info") < 2:
        sys.exit("/metrics does not name the models")
    example = score_example(fetch_document(url, "3"))
    for _ in range(10):
        servers.post_json(url + "/score", example)
    after = scrape(url)
    for name in ("apus_requests_total", "apus_request_duration_seconds_count", "apus_model_run_seconds_count"):
        if total(after, name) - total(before, name) != 10:
            sys.exit(f"10 requests were counted as {total(after, name) - total(before, name)} in {name}")
    print(f"metrics: {len(after)} samples, which count what was asked")


def check_service(url, schemathesis):
    for version in VERSIONS:
        check_document(url, version)
    check_metrics(url)
    fuzz(url, schemathesis)
    check_metrics(url)


if __name__ == "__main__":
    apus, models, schemathesis = sys.argv[1:]
    with servers.apus_serving(apus, models) as url:
        check_service(url, schemathesis)
