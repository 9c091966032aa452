package knative

import (
	"encoding/json"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"
)

// rawDetail is an error detail whose type is not linked into the program.
type rawDetail struct {
	Type  string `json:"@type"`
	Value []byte `json:"value"`
}

// fromDetails returns the details of an error as JSON, each with its @type.
func fromDetails(details []*anypb.Any) []json.RawMessage {
	var all []json.RawMessage
	for _, detail := range details {
		raw, err := protojson.Marshal(detail)
		if err != nil {
			raw = []byte(jsonText(rawDetail{detail.GetTypeUrl(), detail.GetValue()}))
		}
		all = append(all, raw)
	}
	return all
}

func toDetails(details []json.RawMessage) []*anypb.Any {
	var all []*anypb.Any
	for _, raw := range details {
		detail := &anypb.Any{}
		if protojson.Unmarshal(raw, detail) != nil {
			var unknown rawDetail
			if json.Unmarshal(raw, &unknown) != nil {
				continue
			}
			detail = &anypb.Any{TypeUrl: unknown.Type, Value: unknown.Value}
		}
		all = append(all, detail)
	}
	return all
}
