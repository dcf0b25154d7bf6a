package kubernetes_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"

	"github.com/twilio-exporter/twilio_exporter/deploy/e2e/kubernetes/manifest"
)

// TestShards checks that there is one pod for every shard, and that the shards
// together poll every account once.
func TestShards(t *testing.T) {
	objects := build(t, sharded)
	set, service := manifest.The[*apps.StatefulSet](t, objects), manifest.The[*core.Service](t, objects)
	w := theWorkload(t, sharded, objects)
	if set.Spec.Replicas == nil || *set.Spec.Replicas < 2 {
		t.Fatalf("replicas: %v", set.Spec.Replicas)
	}
	total := int(*set.Spec.Replicas)
	for problem, found := range map[string]bool{
		"names another Service":              set.Spec.ServiceName != service.Name,
		"starts shards one by one":           set.Spec.PodManagementPolicy != apps.ParallelPodManagement,
		"does not number its pods from 0":    set.Spec.Ordinals != nil,
		"changes the update strategy":        set.Spec.UpdateStrategy.Type != "" || set.Spec.UpdateStrategy.RollingUpdate != nil,
		"has persistent volumes":             len(set.Spec.VolumeClaimTemplates) > 0,
		"has a Service that is not headless": service.Spec.ClusterIP != core.ClusterIPNone,
	} {
		if found {
			t.Errorf("the StatefulSet %s", problem)
		}
	}

	exporter, m := buildExporter(t), mount(t, sharded, objects, w)
	summary := regexp.MustCompile(`\n(\d+) of its (\d+) accounts fall to shard (\d+) of 0 to (\d+)\.\n`)
	polled := 0
	for ordinal := range total {
		args := arguments(t, container(t, w), podOf(set, ordinal))
		output := m.check(t, exporter, args)
		found := summary.FindStringSubmatch(output)
		if found == nil {
			t.Fatalf("with %q the exporter prints %q", args, output)
		}
		var numbers [4]int
		for i := range numbers {
			numbers[i], _ = strconv.Atoi(found[i+1])
		}
		part := len(m.config.Shard(ordinal, total).Accounts())
		if want := [4]int{part, len(m.config.Accounts()), ordinal, total - 1}; numbers != want {
			t.Errorf("pod %d prints %q, want the numbers %v", ordinal, output, want)
		}
		if part == 0 {
			t.Errorf("pod %d of the example has no account", ordinal)
		}
		polled += numbers[0]
	}
	if want := len(m.config.Accounts()); polled != want {
		t.Errorf("%d of %d accounts are polled", polled, want)
	}
}

// podOf returns a pod as the StatefulSet controller creates it.
func podOf(set *apps.StatefulSet, ordinal int) *core.Pod {
	pod := &core.Pod{ObjectMeta: *set.Spec.Template.ObjectMeta.DeepCopy(), Spec: set.Spec.Template.Spec}
	pod.Name = fmt.Sprintf("%s-%d", set.Name, ordinal)
	pod.Labels[apps.StatefulSetPodNameLabel] = pod.Name
	pod.Labels[apps.PodIndexLabel] = strconv.Itoa(ordinal)
	return pod
}

// arguments returns the container's arguments as the kubelet expands them.
func arguments(t *testing.T, c core.Container, pod *core.Pod) (args []string) {
	t.Helper()
	var variables []string
	for _, v := range c.Env {
		if v.ValueFrom == nil || v.ValueFrom.FieldRef == nil {
			t.Fatalf("variable %s is not a field of the pod", v.Name)
		}
		label := regexp.MustCompile(`^metadata\.labels\['([^']+)'\]$`).FindStringSubmatch(v.ValueFrom.FieldRef.FieldPath)
		if label == nil || v.ValueFrom.FieldRef.APIVersion != "" && v.ValueFrom.FieldRef.APIVersion != "v1" {
			t.Fatalf("variable %s comes from %v", v.Name, v.ValueFrom.FieldRef)
		}
		variables = append(variables, "$("+v.Name+")", pod.Labels[label[1]])
	}
	for _, arg := range c.Args {
		args = append(args, strings.NewReplacer(variables...).Replace(arg))
	}
	return args
}
