package cloudrun

import "testing"

// TestGrounded holds that nothing is claimed of a call that nobody watched.
func TestGrounded(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		asked, watched, sent bool
		want                 bool
	}{
		{want: true},                             // it never came to a stream
		{watched: true, want: true},              // the dial failed
		{asked: true, watched: true, want: true}, // the connection closed under the stream
		{asked: true, watched: true, sent: true},
		{asked: true}, // no recorder: the stream may be there
	} {
		f := &flight{}
		f.asked.Store(test.asked)
		f.watched.Store(test.watched)
		f.sent.Store(test.sent)
		if got := f.grounded(); got != test.want {
			t.Errorf("grounded() of %+v = %v, want %v", test, got, test.want)
		}
	}
}

// TestSingle asks for a second stream after a first that was or was not opened.
func TestSingle(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		watched, sent bool
		again         bool
	}{{true, false, true}, {true, true, false}, {false, false, false}} {
		f := &flight{}
		f.watched.Store(test.watched)
		if _, err := (single{f}).GetRequestMetadata(t.Context()); err != nil {
			t.Fatalf("first stream: %v", err)
		}
		f.sent.Store(test.sent)
		if _, err := (single{f}).GetRequestMetadata(t.Context()); test.again != (err == nil) {
			t.Errorf("second stream of %+v: %v, allowed %v", test, err, test.again)
		}
	}
}
