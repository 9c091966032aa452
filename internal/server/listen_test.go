package server_test

import (
	"strings"
	"testing"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/server"
)

func TestCheckBind(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		addr    string
		allowed bool
		want    runwith.Code
	}{
		{"127.0.0.1:8080", false, runwith.OK},
		{"127.0.0.1:0", false, runwith.OK},
		{"127.1.2.3:80", false, runwith.OK},
		{"[::1]:8080", false, runwith.OK},
		{"[::ffff:127.0.0.1]:8080", false, runwith.OK},
		{"localhost:8080", false, runwith.OK},
		{":8080", false, runwith.FailedPrecondition},
		{"0.0.0.0:8080", false, runwith.FailedPrecondition},
		{"[::]:8080", false, runwith.FailedPrecondition},
		{"192.0.2.1:8080", false, runwith.FailedPrecondition},
		{"localhost.example:8080", false, runwith.FailedPrecondition},
		{"0.0.0.0:8080", true, runwith.OK},
		{":8080", true, runwith.OK},
		{"8080", true, runwith.InvalidArgument},
		{"", false, runwith.InvalidArgument},
		{"::1:8080", false, runwith.InvalidArgument},
	} {
		err := server.CheckBind(test.addr, test.allowed)
		if got := runwith.CodeOf(err); got != test.want {
			t.Errorf("CheckBind(%q, %t) = %v, want %v", test.addr, test.allowed, err, test.want)
		}
		if test.want == runwith.FailedPrecondition && err != nil && !strings.Contains(err.Error(), "--allow-unauthenticated") {
			t.Errorf("CheckBind(%q, %t) = %v, want it to name --allow-unauthenticated", test.addr, test.allowed, err)
		}
	}
}
