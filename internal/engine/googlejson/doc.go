// Package googlejson reads JSON as Google's REST APIs do. It is pure.
//
// [Strict] turns a body into JSON of the standard (RFC 8259). Google's reader takes more
// than that, and the samples of its documentation rely on it: strings in single quotes,
// names without quotes, a comma after the last element, every character after a backslash.
//
// [Unmarshal] reads a body into a message. Beyond the mapping of proto3 it takes
//   - one value where a list is due, which is a list of one;
//   - numbers and booleans in strings, and numbers with a zero fraction;
//   - values of enums by name in any case, with hyphens, and by number, also in a string;
//   - durations, times and field masks as text or as an object of their fields;
//   - bytes in both alphabets of base64, with and without padding;
//   - the names of fields in JSON's and in the proto's spelling, also in a field mask;
//   - null for every field, element and entry, which leaves it unset, out and empty.
//
// The functions for scalars serve the reader of v1's objects too. Errors are
// [runwith.Error] values with INVALID_ARGUMENT that name all violations at once, each with
// its path as the caller spelled it. [Spell] gives the paths of later errors that spelling.
//
// Deviation: Google's reader takes the last of several values of a field. Here that is a
// violation, because nothing is dropped silently.
//
// See https://protobuf.dev/programming-guides/json/.
package googlejson
