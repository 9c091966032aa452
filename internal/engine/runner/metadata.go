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
