#!/usr/bin/env python3
"""Makes a Postman collection (v2.1) from the OpenAPI document, with a fresh Idempotency-Key for each request and the
document's examples as bodies:

    examples/postman.py openapi/openapi.json > topup.postman_collection.json

Import the file, and set the collection's variables `url` and `token`.
"""

import json
import sys

METHODS = ("get", "put", "post", "patch", "delete")


def resolved(document: dict, part: dict) -> dict:
    """The part itself, or what it refers to."""
    while "$ref" in part:
        found = document
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name.replace("~1", "/").replace("~0", "~")]
        part = found
    return part


def example_of(document: dict, media: dict) -> object:
    if "example" in media:
        return media["example"]
    for example in media.get("examples", {}).values():
        return resolved(document, example).get("value")
    schema = resolved(document, media.get("schema", {}))
    if "example" in schema:
        return schema["example"]
    return {name: example_of(document, {"schema": field}) for name, field in schema.get("properties", {}).items()
            if name in schema.get("required", [])} if "properties" in schema else schema.get("default", "")


def variable(parameter: dict) -> dict:
    example = parameter.get("example", parameter.get("schema", {}).get("example", ""))
    return {"key": parameter["name"], "value": str(example), "description": parameter.get("description", "")}


def request(document: dict, path: str, method: str, operation: dict) -> dict:
    parameters = [resolved(document, parameter) for parameter in operation.get("parameters", [])]
    placed = {place: [p for p in parameters if p["in"] == place] for place in ("path", "query", "header")}
    headers = []
    for parameter in placed["header"]:
        value = "{{$guid}}" if parameter["name"] == "Idempotency-Key" else variable(parameter)["value"]
        headers.append({**variable(parameter), "value": value, "disabled": not parameter.get("required", False)})
    body = None
    if "requestBody" in operation:
        content = resolved(document, operation["requestBody"])["content"]
        kind, media = next(iter(content.items()))
        headers.append({"key": "Content-Type", "value": kind})
        if kind == "multipart/form-data":
            body = {"mode": "formdata", "formdata": []}
        else:
            shown = json.dumps(example_of(document, media), indent=2, ensure_ascii=False)
            body = {"mode": "raw", "raw": shown, "options": {"raw": {"language": "json"}}}
    segments = [f":{part[1:-1]}" if part.startswith("{") else part for part in path.strip("/").split("/")]
    query = [{**variable(p), "disabled": not p.get("required", False)} for p in placed["query"]]
    made = {
        "method": method.upper(),
        "header": headers,
        "url": {"raw": "{{url}}/" + "/".join(segments), "host": ["{{url}}"], "path": segments, "query": query,
                "variable": [variable(parameter) for parameter in placed["path"]]},
        "description": operation.get("description", ""),
    }
    if body is not None:
        made["body"] = body
    if not operation.get("security"):
        made["auth"] = {"type": "noauth"}
    return {"name": operation.get("summary", operation["operationId"]), "request": made, "response": []}


def collection(document: dict) -> dict:
    folders: dict[str, list[dict]] = {tag["name"]: [] for tag in document["tags"]}
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                folders[item[method]["tags"][0]].append(request(document, path, method, item[method]))
    described = {tag["name"]: tag.get("description", "") for tag in document["tags"]}
    return {
        "info": {"name": f"topup {document['info']['version']}", "description": document["info"]["description"],
                 "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"},
        "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "{{token}}", "type": "string"}]},
        "variable": [{"key": "url", "value": "http://127.0.0.1:8080"}, {"key": "token", "value": ""}],
        "item": [{"name": name, "description": described[name], "item": items}
                 for name, items in folders.items() if items],
    }


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        json.dump(collection(json.load(file)), sys.stdout, indent=1, ensure_ascii=False)
        print()
