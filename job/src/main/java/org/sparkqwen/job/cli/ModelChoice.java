package org.sparkqwen.job.cli;

import org.apache.spark.SparkConf;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.kernels.Device;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.model.DeviceChoice;
import org.sparkqwen.job.model.ExecutorOptions;
import org.sparkqwen.job.model.ModelDistribution;
import org.sparkqwen.job.model.ModelReference;
import org.sparkqwen.job.spark.LocalMode;
import org.sparkqwen.job.storage.ModelLocation;

/// The model that options choose, before it is opened. Equal choices lead to the same model in the same engine.
///
/// @param distribution the way in which hosts get the model
/// @param device the device on which executors compute
/// @param options the way in which executors run it on the processor. If it has no number of batch tokens, that depends
///     on the device
/// @param adapter where a LoRA adapter is; null for none
public record ModelChoice(
        ModelLocation location,
        ModelDistribution distribution,
        DeviceChoice device,
        ExecutorOptions options,
        @Nullable ModelLocation adapter) {
    /// Returns the model, checked on this machine. If it lies elsewhere, this machine gets its own copy first.
    ///
    /// @param conf the Spark configuration that says how to reach a remote model, and which devices executors have
    /// @throws Refusal if the model cannot be reached, or run, in the way that was chosen
    public ModelReference open(SparkConf conf) {
        ExecutorOptions resolved = options(conf);
        ModelReference model = switch (location) {
            case ModelLocation.Local local -> ModelReference.open(local.path(), resolved);
            case ModelLocation.Remote remote -> fetch(remote, conf, resolved);
        };
        return switch (adapter) {
            case null -> model;
            case ModelLocation.Local local -> model.withAdapter(local.path());
            case ModelLocation.Remote remote -> Refusal.about("--lora", () -> model.withAdapter(remote.uri(), conf));
        };
    }

    /// Returns the way in which executors run the model on the device that they have.
    ///
    /// @throws Refusal if they have none of the kind that was chosen, or if it does not run the model in this way
    public ExecutorOptions options(SparkConf conf) {
        Device resolved = device.in(conf);
        try {
            return options.on(resolved);
        } catch (IllegalArgumentException e) {
            throw Refusal.usage("--device %s: %s".formatted(resolved, e.getMessage()));
        }
    }

    /// Returns this choice with the device that executors have, so that it is found and logged once.
    ///
    /// @throws Refusal if they have none of the kind that was chosen
    public ModelChoice resolved(SparkConf conf) {
        return on(device.in(conf));
    }

    /// Returns this choice on a device.
    ModelChoice on(Device value) {
        return new ModelChoice(location, distribution, new DeviceChoice(value), options, adapter);
    }

    private ModelReference fetch(ModelLocation.Remote remote, SparkConf conf, ExecutorOptions resolved) {
        if (distribution == ModelDistribution.SHARED && !LocalMode.isIn(conf)) {
            throw Refusal.usage("--model-distribution shared is for a path that every host sees, not for %s; take fetch"
                    .formatted(remote.uri()));
        }
        return ModelReference.fetch(remote.uri(), conf, resolved);
    }
}
