// Package footprint lowers the resident memory of a server once it has started.
package footprint
