package runner

// MetadataEnv returns the variables by which Google's libraries find the metadata server
// at address: those for Go and Node read the host, the one for Python reads the IP
// before that. For an empty address it returns none. Each Runner knows the address at
// which its own tasks reach the server.
func MetadataEnv(address string) map[string]string {
	if address == "" {
		return map[string]string{}
	}
	return map[string]string{"GCE_METADATA_HOST": address, "GCE_METADATA_IP": address}
}

// AddMetadata adds the variables of [MetadataEnv] that the environment does not have.
func AddMetadata(env map[string]string, address string) {
	for name, value := range MetadataEnv(address) {
		if _, ok := env[name]; !ok {
			env[name] = value
		}
	}
}

// AddMetadataProxy adds variables that make programs send plain HTTP to the metadata
// server at address, unless the environment names another proxy. So programs find it that
// call http://metadata.google.internal without looking for a variable. Names of this
// machine are excepted; plain HTTP to any other host fails.
func AddMetadataProxy(env map[string]string, address string) {
	if address == "" {
		return
	}
	for _, name := range []string{"http_proxy", "HTTP_PROXY"} {
		if _, ok := env[name]; ok {
			return
		}
	}
	env["http_proxy"] = "http://" + address // curl ignores the name in capitals
	env["HTTP_PROXY"] = env["http_proxy"]
	for _, name := range []string{"no_proxy", "NO_PROXY"} {
		if _, ok := env[name]; !ok {
			env[name] = "localhost,127.0.0.1,::1"
		}
	}
}
