// ONNXFrontend
