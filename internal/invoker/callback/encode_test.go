package callback

import "encoding/base64"

func encode(data []byte) string { return base64.StdEncoding.EncodeToString(data) }
