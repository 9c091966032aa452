package kube

import (
	"cmp"
	"context"
	"net/url"
	"strconv"
)

// pageSize is how many Pods one answer has at most. It bounds the memory of a list.
const pageSize = 500

// podList is a page of a list.
type podList struct {
	Metadata struct {
		ResourceVersion string `json:"resourceVersion"`
		Continue        string `json:"continue"`
	} `json:"metadata"`
	// Items are pointers, so that to keep one Pod does not keep the page.
	Items []*Pod `json:"items"`
}

// ListPods returns the Pods that a label selector selects; an empty one selects all. The
// Pods are those of one moment.
func (c *Client) ListPods(ctx context.Context, selector string) (pods []*Pod, err error) {
	_, err = c.eachPod(ctx, selector, func(p *Pod) { pods = append(pods, p) })
	if err != nil {
		return nil, err
	}
	return pods, nil
}

// eachPod lists Pods in pages, and returns the resource version of the list. After an error,
// each may have had some of the Pods.
func (c *Client) eachPod(ctx context.Context, selector string, each func(*Pod)) (version string, err error) {
	query := url.Values{"limit": {strconv.Itoa(pageSize)}}
	if selector != "" {
		query.Set("labelSelector", selector)
	}
	for {
		var page podList
		if err := c.do(ctx, request{verb: verbList, path: c.pods(""), query: query}, &page); err != nil {
			return "", err
		}
		for _, pod := range page.Items {
			each(pod)
		}
		version = cmp.Or(version, page.Metadata.ResourceVersion)
		if page.Metadata.Continue == "" {
			return version, nil
		}
		query.Set("continue", page.Metadata.Continue)
	}
}
