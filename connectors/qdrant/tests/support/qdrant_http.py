"""Qdrant for the tests: the engine of PyPI's qdrant-edge-py behind the part of Qdrant's REST interface that the connector uses.

    python qdrant_http.py PORT FOLDER

Requests and answers are those of Qdrant's published API description. Points are handed to the engine as the server does it, and what
the engine throws is answered with the status that Qdrant gives it. The front itself reads requests, and knows collections: the parts of
`PUT /collections/…` that the engine has no setting for are kept and shown, and do nothing.

Two paths are for tests alone. `PUT /front/answer` with a status and a message makes every write be answered so, and with `null` not any
longer. `GET /front/requests` counts the requests since the start.
"""

import json
import shutil
import signal
import sys
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit

import qdrant_edge as edge

LIMIT = 32 * 1024 * 1024
INDEXES = {
    "keyword": edge.KeywordIndexParams,
    "integer": edge.IntegerIndexParams,
    "float": edge.FloatIndexParams,
    "geo": edge.GeoIndexParams,
    "text": edge.TextIndexParams,
    "bool": edge.BoolIndexParams,
    "datetime": edge.DatetimeIndexParams,
    "uuid": edge.UuidIndexParams,
}
SCHEMAS = {str(getattr(edge.PayloadSchemaType, name.capitalize())): name for name in INDEXES}


class Refused(Exception):
    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class Collection:
    """A folder with the engine's shard, and the body that created it."""

    def __init__(self, folder, body=None):
        self.folder = folder
        if body is None:
            self.body = json.loads((folder / "collection.json").read_text())
            self.shard = edge.EdgeShard.load(str(folder / "shard"))
            return
        shutil.rmtree(folder, ignore_errors=True)
        self.body, config = body, configuration(body)
        (folder / "shard").mkdir(parents=True)
        self.shard = edge.EdgeShard.create(str(folder / "shard"), config)
        # The last file: without it, there is no collection.
        (folder / "new").write_text(json.dumps(body))
        (folder / "new").rename(folder / "collection.json")

    def info(self):
        info, body = self.shard.info(), self.body
        schema = {
            name: {"data_type": SCHEMAS[str(index.data_type)], "params": params(index.params), "points": 0}
            for name, index in info.payload_schema.items()
        }
        vectors = {"vectors": body.get("vectors", {}), "sparse_vectors": body.get("sparse_vectors")}
        return {
            "status": "green",
            "optimizer_status": "ok",
            "points_count": info.points_count,
            "segments_count": info.segments_count,
            "config": {
                "params": vectors,
                "hnsw_config": body.get("hnsw_config", {}),
                "optimizer_config": body.get("optimizers_config", {}),
                "quantization_config": body.get("quantization_config"),
                "strict_mode_config": body.get("strict_mode_config"),
            },
            "payload_schema": schema,
        }

    def upsert(self, body):
        points = [point(given) for given in body["points"]]
        limit = (self.body.get("strict_mode_config") or {}).get("upsert_max_batchsize")
        if limit and len(points) > limit:
            text = f'Limit exceeded {len(points)} > {limit} for "upsert limit". Help: Reduce the "upsert limit" parameter to or below {limit}.'
            raise Refused(400, f"Bad request: {text}")
        self.update(edge.UpdateOperation.upsert_points(points), points)

    def delete(self, body):
        ids = [point_id(given) for given in body["points"]]
        self.update(edge.UpdateOperation.delete_points(ids), ids)

    def index(self, body):
        schema = body["field_schema"]
        given = {"type": schema} if isinstance(schema, str) else dict(schema)
        kind = INDEXES.get(given.pop("type", None))
        try:
            index = kind(**given)
        except TypeError as error:
            raise Refused(400, f"Format error in JSON body: {error}") from error
        self.update(edge.UpdateOperation.create_field_index(body["field_name"], index), [index])

    def update(self, operation, items):
        if not items:
            raise Refused(400, "Bad request: Empty update request")
        try:
            self.shard.update(operation)
        except Exception as error:  # The engine throws nothing more special.
            raise Refused(400, f"Wrong input: {error}") from error
        return {"operation_id": 0, "status": "completed"}

    def scroll(self, body):
        request = edge.ScrollRequest(limit=body.get("limit", 10), with_payload=True, with_vector=body.get("with_vector", False))
        points, _ = self.shard.scroll(request)
        return {"points": [{"id": shown(p.id), "payload": p.payload, "vector": shown(p.vector)} for p in points]}


def configuration(body):
    def dense(params):
        multi = edge.MultiVectorConfig(edge.MultiVectorComparator.MaxSim) if params.get("multivector_config") else None
        return edge.EdgeVectorParams(params["size"], getattr(edge.Distance, params["distance"]), multivector_config=multi)

    try:
        vectors, sparse = body.get("vectors") or {}, body.get("sparse_vectors") or {}
        vectors = dense(vectors) if isinstance(vectors.get("size"), int) else {n: dense(p) for n, p in vectors.items()}
        # The engine has no shard without vectors, as Qdrant has.
        sparse = sparse if vectors or sparse else {"none": {}}
        modifiers = {n: edge.Modifier.Idf if p.get("modifier") == "idf" else None for n, p in sparse.items()}
        hnsw = {"m": 16, "ef_construct": 100, "full_scan_threshold": 10000, **(body.get("hnsw_config") or {})}
        return edge.EdgeConfig(
            vectors=vectors or None,
            sparse_vectors={n: edge.EdgeSparseVectorParams(modifier=m) for n, m in modifiers.items()} or None,
            hnsw_config=edge.HnswIndexConfig(**hnsw),
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise Refused(400, f"Format error in JSON body: {error}") from error


def params(given):
    return {"type": "keyword", "is_tenant": given.is_tenant} if isinstance(given, edge.KeywordIndexParams) else None


def point(given):
    payload = given.get("payload") or {}
    if not isinstance(payload, dict):
        raise Refused(400, "Format error in JSON body: data did not match any variant of untagged enum PointInsertOperations")
    return edge.Point(point_id(given["id"]), vector(given["vector"]), payload)


def point_id(given):
    try:
        if isinstance(given, int) and not isinstance(given, bool) and 0 <= given < 1 << 64:
            return given
        return str(uuid.UUID(given))
    except (AttributeError, TypeError, ValueError) as error:
        text = f"value {given} is not a valid point ID, valid values are either an unsigned integer or a UUID"
        raise Refused(400, f"Format error in JSON body: {text}") from error


def vector(given):
    if isinstance(given, dict) and given.keys() == {"indices", "values"}:
        if len(set(given["indices"])) < len(given["indices"]):
            raise Refused(422, "Validation error in JSON body: [points[0].vector.indices: must be unique]")
        return edge.SparseVector(given["indices"], given["values"])
    return {name: vector(value) for name, value in given.items()} if isinstance(given, dict) else given


def no_number(name):
    raise ValueError(f"{name} is no number")


def shown(value):
    if isinstance(value, edge.SparseVector):
        return {"indices": value.indices, "values": value.values}
    if isinstance(value, dict):
        return {name: shown(part) for name, part in value.items()}
    return value if isinstance(value, (int, list, type(None))) else str(value)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    folder: Path
    collections = {}
    answer = None
    requests = 0
    turn = threading.Lock()

    def handle_request(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            with self.turn:
                status, text = 200, {"result": self.result(body), "status": "ok"}
        except Refused as error:
            status, text = error.status, {"status": {"error": str(error)}}
        except Exception as error:  # A fault of the front.
            status, text = 500, {"status": {"error": f"Service internal error: {error!r}"}}
        reply = json.dumps({**text, "time": 0.0}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply if self.command != "HEAD" else b"")

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_request

    def result(self, body):
        path = [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")]
        if len(body) > LIMIT:
            raise Refused(400, f"JSON payload ({len(body)} bytes) is larger than allowed (limit: {LIMIT} bytes).")
        try:
            body = json.loads(body, parse_constant=no_number) if body else {}
        except (ValueError, RecursionError) as error:
            raise Refused(400, f"Format error in JSON body: {error}") from error
        match (self.command, *path):
            case ("GET" | "HEAD", ""):
                return {"title": "qdrant - vector search engine", "version": "edge"}
            case ("PUT", "front", "answer"):
                Handler.answer = body
                return True
            case ("GET", "collections"):
                return {"collections": [{"name": name} for name in self.collections]}
            case ("GET", "front", "requests"):
                return Handler.requests
            case (_, "collections", name, *rest):
                Handler.requests += 1
                return self.of_collection(name, rest, body)
            case _:
                raise Refused(404, "")

    def of_collection(self, name, path, body):
        is_write = self.command != "GET" and path != ["points", "scroll"]
        if is_write and Handler.answer:
            raise Refused(*Handler.answer)
        folder = self.folder / quote(name, safe="")
        if name not in self.collections and (folder / "collection.json").is_file():
            self.collections[name] = Collection(folder)
        if not path and self.command == "PUT":
            if name in self.collections:
                raise Refused(409, f"Wrong input: Collection `{name}` already exists!")
            self.collections[name] = Collection(folder, body)
            return True
        collection = self.collections.get(name)
        if collection is None:
            raise Refused(404, f"Not found: Collection `{name}` doesn't exist!")
        match (self.command, *path):
            case ("GET",):
                return collection.info()
            case ("DELETE",):
                self.collections.pop(name).shard.close()
                shutil.rmtree(folder)
                return True
            case ("PUT", "points"):
                collection.upsert(body)
            case ("POST", "points", "delete"):
                collection.delete(body)
            case ("PUT", "index"):
                collection.index(body)
            case ("POST", "points", "scroll"):
                return collection.scroll(body)
            case _:
                raise Refused(404, "")
        waits = parse_qs(urlsplit(self.path).query).get("wait") == ["true"]
        return {"operation_id": 0, "status": "completed" if waits else "acknowledged"}

    def log_message(self, *_):
        pass


def main():
    port, folder = int(sys.argv[1]), Path(sys.argv[2])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    Handler.folder = folder
    ThreadingHTTPServer.daemon_threads = True
    ThreadingHTTPServer.request_queue_size = 128
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


main()
