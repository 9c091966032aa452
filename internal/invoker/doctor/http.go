package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// maxAnswer limits how much of an answer is read.
const maxAnswer = 64 << 10

// get sends a request. The caller closes the body.
func (e *examination) get(ctx context.Context, url string) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		cancel()
		return nil, err
	}
	request.Header.Set("User-Agent", "runwith-doctor/"+e.Version)
	response, err := e.HTTP.Do(request)
	if err != nil {
		cancel()
		return nil, err
	}
	response.Body = &canceledBody{response.Body, cancel}
	return response, nil
}

// canceledBody ends its request when it is closed.
type canceledBody struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (b *canceledBody) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}

// read returns the status and the beginning of the body of an answer.
func (e *examination) read(ctx context.Context, url string) (status int, body []byte, err error) {
	response, err := e.get(ctx, url)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return 0, nil, fmt.Errorf("read the answer: %w", err)
	}
	return response.StatusCode, body, nil
}

// withoutURL returns the cause of an error of the HTTP client, whose text repeats the URL.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}
