"""azmlinfsrv, bound to loopback: the command itself always listens on every interface."""

from azureml_inference_server_http import amlserver

amlserver.DEFAULT_HOST = "127.0.0.1"
amlserver.run()
