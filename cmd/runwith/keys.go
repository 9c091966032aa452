package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith/internal/invoker/auth"
	"github.com/runwith/runwith/internal/invoker/configfile"
)

func newKeys() *cobra.Command {
	group := &cobra.Command{
		Use:   "keys",
		Short: "Make and check API keys of callers",
		Long: `Keys makes the API keys with which callers of runwith serve prove who they are, and
checks them. Neither command calls a server.`,
		Example: `  runwith keys new docs-api --expires 90d
  runwith keys check < key-file`,
	}
	return newGroup(group, newKeysNew(), newKeysCheck())
}

func newKeysNew() *cobra.Command {
	var expires string
	cmd := &cobra.Command{
		Use:   "new CALLER",
		Short: "Make an API key for a caller",
		Long: `New makes an API key and prints it to standard output, once: runwith keeps no copy.
It prints the entry for runwith.yaml, which has only the key's hash, to standard
error. So a pipe or a file gets only the key.

A caller may have two keys that have not expired. To replace one, add the new key to
runwith.yaml, give it to the caller, and then remove the old one. Nothing restarts,
and the caller keeps its invocations and idempotency keys.`,
		Example: `  runwith keys new docs-api
  runwith keys new docs-api --expires 90d
  runwith keys new docs-api --expires 2027-06-30 > key-file    # after umask 077`,
		Args: oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			until, err := parseExpiry(expires, time.Now())
			if err != nil {
				return err
			}
			key := auth.NewKey()
			entry := keyEntry(args[0], key, until)
			if _, err := configfile.Read("CALLER", entry, nil); err != nil {
				return misused("CALLER %q: must be a name of letters, digits and . _ @ -, beginning with a letter or digit", args[0])
			}
			if _, err := fmt.Fprintln(cmd.OutOrStdout(), key); err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "\nGive the key to %s. It is not shown again. Add its hash to runwith.yaml:\n\n%s", args[0], entry)
			return nil
		},
	}
	cmd.Flags().StringVar(&expires, "expires", "", "when the key expires: a number of days (90d), or a `DATE` such as 2027-06-30 (default: never)")
	return cmd
}

// keyEntry returns the part of runwith.yaml for a key.
func keyEntry(caller, key, expires string) string {
	if expires != "" {
		expires = ", expires: " + expires
	}
	id, _ := auth.KeyID(key)
	return fmt.Sprintf("callers:\n  %s:\n    apiKeys:\n      - {id: %s, sha256: %s%s}\n", caller, id, auth.HashKey(key), expires)
}

// parseExpiry returns the date for a flag such as 90d or 2027-06-30. The key expires at the
// beginning of that day, in UTC.
func parseExpiry(flag string, now time.Time) (string, error) {
	if flag == "" {
		return "", nil
	}
	date, err := time.Parse(time.DateOnly, flag)
	if count, ok := strings.CutSuffix(flag, "d"); ok {
		var days int
		if days, err = strconv.Atoi(count); days > 36500 {
			err = errors.New("too far")
		}
		date = now.UTC().AddDate(0, 0, days)
	}
	if err != nil || !date.After(now) {
		return "", misused("--expires %q: must be a number of days such as 90d, or a date to come such as %s", flag, now.AddDate(1, 0, 0).Format(time.DateOnly))
	}
	return date.Format(time.DateOnly), nil
}

func newKeysCheck() *cobra.Command {
	var config string
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check an API key",
		Long: `Check reads an API key from RUNWITH_API_KEY, or else from standard input, never from
the command line, which shells and process lists keep. It prints the key's ID, and
whether its checksum fits. With --config it also prints whose key it is and until
when.

The exit code is 0 if the key is right, and 1 if not.`,
		Example: `  runwith keys check < key-file
  runwith keys check --config runwith.yaml < key-file`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			key, err := readKey(cmd.InOrStdin())
			if err != nil {
				return err
			}
			return checkKey(cmd.OutOrStdout(), key, config, time.Now())
		},
	}
	cmd.Flags().StringVar(&config, "config", env("RUNWITH_CONFIG", ""), "look the key up in this `FILE` (RUNWITH_CONFIG)")
	return cmd
}

// readKey returns the key to check.
func readKey(in io.Reader) (string, error) {
	if key := env("RUNWITH_API_KEY", ""); key != "" {
		return strings.TrimSpace(key), nil
	}
	line, err := bufio.NewReader(io.LimitReader(in, 1<<16)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	if line = strings.TrimSpace(line); line == "" {
		return "", misused("there is no key: give it in RUNWITH_API_KEY or on standard input")
	}
	return line, nil
}

// checkKey prints the ID of a key and its caller. Any fault of the key is an error.
func checkKey(out io.Writer, key, config string, now time.Time) error {
	id, ok := auth.KeyID(key)
	if !ok {
		return errors.New("this is no API key: it must be rw_ID_SECRET, and its checksum must fit; copy it again")
	}
	if err := printLine(out, "key %s: its form and its checksum are right", id); err != nil || config == "" {
		return err
	}
	content, err := os.ReadFile(config)
	if err != nil {
		return fmt.Errorf("--config: %w", err)
	}
	file, err := configfile.Read(config, string(content), nil)
	if err != nil {
		return err
	}
	caller, expires, found := auth.Holder(file, key)
	switch {
	case !found:
		return fmt.Errorf("key %s is not in %s, or the file has another hash for it", id, config)
	case expires.IsZero():
		return printLine(out, "caller %s, without an expiry", caller)
	case !now.Before(expires):
		return fmt.Errorf("key %s of %s expired at %s: make another with runwith keys new %[2]s", id, caller, expires.Format(time.RFC3339))
	}
	return printLine(out, "caller %s, until %s", caller, expires.Format(time.RFC3339))
}
