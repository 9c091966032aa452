package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// parametrized is an invoker whose job has parameters. It keeps the body of a start and the
// query of a list.
func parametrized(t *testing.T) (url string, sent *string) {
	t.Helper()
	sent = new(string)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/jobs/reindex", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"name":"reindex","parameters":{"tenant":{"type":"string"},"pages":{"type":"integer"},"rate":{"type":"number"},"full":{"type":"boolean"}}}`)
	})
	mux.HandleFunc("POST /api/v1/jobs/reindex/invocations", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		*sent = string(body)
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, `{"id":"inv-1","job":"reindex"}`)
	})
	mux.HandleFunc("GET /api/v1/invocations", func(w http.ResponseWriter, r *http.Request) {
		*sent = r.URL.RawQuery
		fmt.Fprint(w, `{"invocations":[]}`)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL, sent
}

func called(t *testing.T, args ...string) (output string, err error) {
	t.Helper()
	var out bytes.Buffer
	cmd := newRoot()
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	err = cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func TestRunSendsARequest(t *testing.T) {
	t.Parallel()
	server, sent := parametrized(t)
	for name, test := range map[string]struct {
		flags []string
		want  string
	}{
		"typed": {[]string{"-p", "tenant=007", "--param", "pages=9007199254740993", "--param", "rate=0.10", "--param", "full=true"},
			`{"parameters":{"tenant":"007","pages":9007199254740993,"rate":0.10,"full":true}}`},
		"of no type":  {[]string{"-p", "pages=many", "-p", "full=yes", "-p", "rate=", "-p", "other=5"}, `{"parameters":{"pages":"many","full":"yes","rate":"","other":"5"}}`},
		"equals sign": {[]string{"-p", "tenant=a=b,c"}, `{"parameters":{"tenant":"a=b,c"}}`},
		"the rest": {[]string{"--label", "tenant=acme", "--label", "kind=", "--callback", "https://api.example.com/hook", "--tasks", "2"},
			`{"labels":{"tenant":"acme","kind":""},"callback":{"url":"https://api.example.com/hook"},"taskCount":2}`},
	} {
		if out, err := called(t, append([]string{"run", "reindex", "--detach", "--server", server}, test.flags...)...); err != nil {
			t.Errorf("%s: run = %v, %s", name, err, out)
		}
		if diff := cmp.Diff(decoded(t, test.want), decoded(t, *sent)); diff != "" {
			t.Errorf("%s: body (-want +got):\n%s", name, diff)
		}
	}
	if _, err := called(t, "invocations", "list", "--label", "tenant=acme", "--label", "kind=a b", "--server", server); err != nil || *sent != "label=kind%3Da+b&label=tenant%3Dacme&pageSize=50" {
		t.Errorf("list = %v, and sends %q", err, *sent)
	}
}

func decoded(t *testing.T, text string) (v any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return v
}

func TestRunRefusesPairs(t *testing.T) {
	t.Parallel()
	for flags, want := range map[string]string{
		"--param tenant":                  `--param "tenant": must be NAME=VALUE`,
		"--param =acme":                   `--param "=acme": must be NAME=VALUE`,
		"--label a=1 --label a=2":         "--label a: is given twice",
		"--param a=1 --param b=1 --label": "flag needs an argument",
	} {
		_, err := called(t, append([]string{"run", "reindex", "--server", "http://127.0.0.1:1"}, strings.Fields(flags)...)...)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("run %s = %v, want %q", flags, err, want)
		}
	}
}

func TestRunEitherWaitsOrNot(t *testing.T) {
	t.Parallel()
	server, sent := parametrized(t)
	for flags, want := range map[string]string{
		"--detach --wait":                "--wait and --detach: choose one",
		"--wait --async":                 "--wait and --async: choose one",
		"--wait=true -d --start-at +1h":  "--wait and --detach: choose one",
		"--detach --wait=false":          "",
		"--detach --async":               "",
		"--async --wait=false":           "",
		"--wait=false --start-at +1h":    "",
		"--async=false --wait=false":     "",
		"--detach=false --wait=false -d": "",
	} {
		*sent = ""
		_, err := called(t, append([]string{"run", "reindex", "--server", server}, strings.Fields(flags)...)...)
		if got := fmt.Sprint(err); err != nil && got != want || err == nil && want != "" {
			t.Errorf("run %s = %v, want %q", flags, err, want)
		}
		if failed, ok := errors.AsType[*exitError](err); err != nil && (!ok || failed.code != exitUsage) {
			t.Errorf("run %s = %v, want an error of usage", flags, err)
		}
		if (*sent == "") != (want != "") {
			t.Errorf("run %s sent %q", flags, *sent)
		}
	}
}

func TestClientsSendUTF8(t *testing.T) {
	t.Parallel()
	server, sent := parametrized(t)
	bad := "x\xffy"
	for want, args := range map[string][]string{
		`argument "x\xffy": must be UTF-8 text`:       {"run", "reindex", "--", bad},
		`--args "x\xffy": must be UTF-8 text`:         {"run", "reindex", "--args", bad},
		`--env "A=x\xffy": must be UTF-8 text`:        {"run", "reindex", "--env", "B=b", "--env", "A=" + bad},
		`--update-env-vars "A=x\xffy": must be UTF-8`: {"run", "reindex", "--update-env-vars", "A=" + bad},
		`--param "tenant=x\xffy": must be UTF-8 text`: {"run", "reindex", "--param", "tenant=" + bad},
		`--label "a=x\xffy": must be UTF-8 text`:      {"run", "reindex", "--label", "a=" + bad},
		`--callback "x\xffy": must be UTF-8 text`:     {"run", "reindex", "--callback", bad},
		`--key "x\xffy": must be UTF-8 text`:          {"run", "reindex", "--key", bad},
		`--zone "x\xffy": must be UTF-8 text`:         {"schedules", "set", "nightly", "--job", "reindex", "--cron", "@daily", "--zone", bad},
		`--caller "x\xffy": must be UTF-8 text`:       {"invocations", "list", "--caller", bad},
	} {
		_, err := called(t, slices.Insert(slices.Clone(args), len(args)-2, "--server", server)...)
		failed, ok := errors.AsType[*exitError](err)
		if !ok || failed.code != exitUsage {
			t.Errorf("%q: error = %v, want one of usage", args, err)
		}
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: error = %v, want %s", args, err, want)
		}
	}
	if *sent != "" {
		t.Errorf("the invoker got %s, want no request", *sent)
	}
}

// TestRunOfARefusedInvocation repeats a run whose invocation Cloud Run has refused to start.
func TestRunOfARefusedInvocation(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"id":"inv-1","job":"reindex","state":"refused","error":{"code":"FAILED_PRECONDITION","message":"the image has no command"}}`)
	}))
	t.Cleanup(server.Close)
	out, err := called(t, "run", "reindex", "--detach", "--key", "k", "--server", server.URL)
	failed, ok := errors.AsType[*exitError](err)
	if !ok || failed.code != exitFailure || failed.Error() != "the image has no command" {
		t.Errorf("error = %v, want the refusal with exit code 1", err)
	}
	if strings.Contains(out, "follow its output") {
		t.Errorf("output %q, want no hint at an output", out)
	}
}
