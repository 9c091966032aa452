package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
)

// job is the job: it counts the words of one document. It may run twice, because writing the
// same result again changes nothing.
func job(_ context.Context, args []string) error {
	var tenant, id string
	flags := flag.NewFlagSet("documents job", flag.ContinueOnError)
	flags.StringVar(&tenant, "tenant", "", "`NAME` of the tenant")
	flags.StringVar(&id, "document", "", "`ID` of the tenant's document")
	if err := flags.Parse(args); err != nil {
		return err
	}
	documents := folder(os.Getenv("DOCUMENTS"))
	if documents == "" {
		return errors.New("DOCUMENTS: name the folder of the documents")
	}
	d, err := documents.document(tenant, id)
	if err != nil {
		return fmt.Errorf("%s of %s: %w", id, tenant, err)
	}
	r := result{Words: len(strings.Fields(d.Text)), Lines: strings.Count(d.Text, "\n") + 1}
	if r.Words == 0 {
		return fmt.Errorf("%s of %s has no words", id, tenant)
	}
	fmt.Printf("%s of %s has %d words in %d lines\n", id, tenant, r.Words, r.Lines)
	return documents.saveResult(tenant, id, r)
}
