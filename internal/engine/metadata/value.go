package metadata

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// maxValueSize limits a value, in bytes. Every real value is smaller.
const maxValueSize = 4 << 10

// Value returns one value of the metadata server at host (HOST:PORT), such as
// project/project-id, without a trailing newline.
func Value(ctx context.Context, client *http.Client, host, path string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+root+path, http.NoBody)
	if err != nil {
		return "", err
	}
	r.Header.Set(flavorHeader, flavor)
	response, err := client.Do(r)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxValueSize))
	switch {
	case err != nil:
		return "", err
	case response.Header.Get(flavorHeader) != flavor:
		return "", errors.New("the server there is not a metadata server")
	case response.StatusCode != http.StatusOK:
		return "", fmt.Errorf("it answered %s: %.200s", response.Status, strings.TrimSpace(string(body)))
	}
	return strings.TrimSpace(string(body)), nil
}
