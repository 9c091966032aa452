package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/runwith/runwith"
)

// object is a new object of a bucket: the body of its event, in Cloud Storage's form. Numbers are
// text there.
//
// See https://cloud.google.com/storage/docs/json_api/v1/objects#resource.
type object struct {
	Kind           string `json:"kind"`
	ID             string `json:"id"`
	Name           string `json:"name"`
	Bucket         string `json:"bucket"`
	Generation     string `json:"generation"` // each upload of a name has another
	Metageneration string `json:"metageneration"`
	ContentType    string `json:"contentType"`
	TimeCreated    string `json:"timeCreated"`
	Updated        string `json:"updated"`
	StorageClass   string `json:"storageClass"`
	Size           string `json:"size"`
	MD5Hash        string `json:"md5Hash"`

	content []byte
	event   string // its ID
}

// bucket is a folder that stands in for a bucket of Cloud Storage, and for Eventarc, which sends
// an event for each new object.
type bucket struct {
	folder string // of all buckets
	name   string
	server string // URL of runwith
}

func openBucket(folder, name, server string) (*bucket, error) {
	return &bucket{folder, name, server}, os.MkdirAll(filepath.Join(folder, name), 0o700)
}

// upload saves an object, sends its event, and waits for the end of the job that it starts.
func (b *bucket) upload(ctx context.Context, o *object) error {
	now := time.Now().UTC()
	o.Kind, o.Bucket, o.StorageClass, o.Metageneration = "storage#object", b.name, "STANDARD", "1"
	o.Generation = strconv.FormatInt(now.UnixMicro(), 10)
	o.ID = o.Bucket + "/" + o.Name + "/" + o.Generation
	o.ContentType = cmp.Or(mime.TypeByExtension(filepath.Ext(o.Name)), "application/octet-stream")
	o.TimeCreated = now.Format("2006-01-02T15:04:05.000Z")
	o.Updated = o.TimeCreated
	o.Size = strconv.Itoa(len(o.content))
	sum := md5.Sum(o.content)
	o.MD5Hash = base64.StdEncoding.EncodeToString(sum[:])
	o.event = strconv.FormatInt(now.UnixNano(), 10)
	if err := os.WriteFile(filepath.Join(b.folder, b.name, o.Name), o.content, 0o600); err != nil {
		return err
	}
	return b.announce(ctx, o)
}

// announce sends the event of an object, and shows what it starts.
func (b *bucket) announce(ctx context.Context, o *object) error {
	a, err := b.send(ctx, o)
	if err != nil {
		return err
	}
	if a.Invocation == "" {
		fmt.Println(o.Name+":", a.Outcome, a.Detail)
		return nil
	}
	client := &runwith.Client{Server: b.server}
	end, err := client.Wait(ctx, a.Invocation)
	if err != nil {
		return err
	}
	fmt.Printf("%s: %s, invocation %s %s\n", o.Name, a.Outcome, end.ID, end.State)
	for line, err := range client.Logs(ctx, end.ID, nil) {
		if err != nil {
			return err
		}
		fmt.Printf("  %s\n", line.Text)
	}
	return nil
}

// answer is runwith's answer to an event. Its status is 2xx if the event need not come again.
type answer struct {
	Outcome    string // accepted, repeated, ignored or refused
	Invocation string // that the event has started
	Detail     string // of a refusal
}

// send sends the event of an object as Eventarc does, in the binary mode of CloudEvents.
//
// See https://cloud.google.com/eventarc/standard/docs/event-format.
func (b *bucket) send(ctx context.Context, o *object) (a answer, err error) {
	body, err := json.Marshal(o)
	if err != nil {
		return a, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, b.server+"/api/v1/triggers/uploads", bytes.NewReader(body))
	if err != nil {
		return a, err
	}
	for name, value := range map[string]string{
		"Content-Type":   "application/json",
		"ce-specversion": "1.0",
		"ce-id":          o.event,
		"ce-type":        "google.cloud.storage.object.v1.finalized",
		"ce-source":      "//storage.googleapis.com/projects/_/buckets/" + o.Bucket,
		"ce-subject":     "objects/" + url.PathEscape(o.Name), // other values need no escape
		"ce-time":        o.Updated,
		"ce-bucket":      o.Bucket,
	} {
		r.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return a, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode > 299 {
		err = fmt.Errorf("the event of %s: %s: %s", o.Name, response.Status, text)
	}
	if err != nil {
		return a, err
	}
	return a, json.Unmarshal(text, &a)
}
