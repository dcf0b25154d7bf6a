package helm_test

import (
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	v1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/twilio-exporter/twilio_exporter/deploy/e2e/kubernetes/manifest"
)

// TestSelectors: whatever labels are set, each selector selects what it is for.
func TestSelectors(t *testing.T) {
	mine := func(objects []manifest.Object) (selectors map[string]*v1.LabelSelector, pod map[string]string) {
		selectors = map[string]*v1.LabelSelector{}
		for _, o := range manifest.All[*apps.Deployment](objects) {
			selectors["Deployment"], pod = o.Spec.Selector, o.Spec.Template.Labels
		}
		for _, o := range manifest.All[*apps.StatefulSet](objects) {
			selectors["StatefulSet"], pod = o.Spec.Selector, o.Spec.Template.Labels
		}
		for _, o := range manifest.All[*core.Service](objects) {
			selectors["Service"] = &v1.LabelSelector{MatchLabels: o.Spec.Selector}
		}
		for _, o := range manifest.All[*networking.NetworkPolicy](objects) {
			selectors["NetworkPolicy"] = &o.Spec.PodSelector
		}
		for _, o := range manifest.All[*policy.PodDisruptionBudget](objects) {
			selectors["PodDisruptionBudget"] = o.Spec.Selector
		}
		return selectors, pod
	}
	check := func(t *testing.T, text string, want int) {
		r := render(t, text)
		selectors, pod := mine(r.objects)
		if len(selectors) < want {
			t.Errorf("%d selectors only", len(selectors))
		}
		for what, s := range selectors {
			if !selects(t, s, pod) {
				t.Errorf("%s selects %v, the pods are %v", what, s.MatchLabels, pod)
			}
			if selects(t, s, r.test.GetLabels()) {
				t.Errorf("%s selects the pod of the test", what)
			}
		}
		for _, o := range manifest.All[*monitoring.ServiceMonitor](r.objects) {
			service := manifest.The[*core.Service](t, r.objects)
			if !selects(t, &o.Spec.Selector, service.Labels) || o.Spec.Endpoints[0].Port != service.Spec.Ports[0].Name {
				t.Errorf("the ServiceMonitor selects %v, the Service is %v", o.Spec.Selector.MatchLabels, service.Labels)
			}
		}
	}
	eachSet(t, func(t *testing.T, s set) { check(t, s.values, 2) })
	const hostile = "{app.kubernetes.io/name: other, app.kubernetes.io/instance: other}\n"
	t.Run("labels that selectors use", func(t *testing.T) {
		check(t, all+"commonLabels: "+hostile+"podLabels: "+hostile+"service: {labels: "+hostile+"}\npodDisruptionBudget: {maxUnavailable: 1}", 4)
	})
}

// selects reports whether a selector selects what has the labels.
func selects(t *testing.T, s *v1.LabelSelector, have map[string]string) bool {
	t.Helper()
	selector, err := v1.LabelSelectorAsSelector(s)
	if err != nil || selector.Empty() {
		t.Fatalf("%v selects everything: %v", s, err)
	}
	return selector.Matches(labels.Set(have))
}

// TestLabels: a label that is set twice stands once, the object's own before a common
// one, and that before the chart's. No value is longer than Kubernetes allows.
func TestLabels(t *testing.T) {
	objects := render(t, operator+`
commonLabels: {release: all, app.kubernetes.io/part-of: billing}
serviceMonitor: {enabled: true, labels: {release: own}}
dashboards: {enabled: true, label: release, labelValue: "1"}
image: {tag: `+`a23456789-b23456789-c23456789-d23456789-e23456789-f23456789-g_-hij`+`}
`).objects
	for _, o := range objects {
		want := map[string]string{"release": "all", "app.kubernetes.io/part-of": "billing", "app.kubernetes.io/version": "a23456789-b23456789-c23456789-d23456789-e23456789-f23456789-g"}
		switch o := o.(type) {
		case *monitoring.ServiceMonitor:
			want["release"] = "own"
		case *core.ConfigMap:
			if o.Name != "twilio-exporter-config" {
				want["release"] = "1"
			}
		}
		for label, value := range want {
			if have := o.GetLabels()[label]; have != value {
				t.Errorf("%T %s: label %s is %q, want %q", o, o.GetName(), label, have, value)
			}
		}
	}
}
