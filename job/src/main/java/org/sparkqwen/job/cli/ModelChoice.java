package org.sparkqwen.job.cli;

import java.util.function.Supplier;
import org.apache.spark.SparkConf;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.model.ExecutorOptions;
import org.sparkqwen.job.model.ModelDistribution;
import org.sparkqwen.job.model.ModelReference;
import org.sparkqwen.job.spark.LocalMode;
import org.sparkqwen.job.storage.ModelLocation;

/// The model that options choose, before it is opened. Equal choices lead to the same model in the same engine.
///
/// @param distribution the way in which hosts get the model
/// @param options the way in which executors run it
/// @param adapter where a LoRA adapter is; null for none
public record ModelChoice(
        ModelLocation location,
        ModelDistribution distribution,
        ExecutorOptions options,
        @Nullable ModelLocation adapter) {
    /// Returns the model, checked on this machine. If it lies elsewhere, this machine gets its own copy first.
    ///
    /// @param conf the Spark configuration that says how to reach a remote model; not asked for a local one
    /// @throws Refusal if the model cannot be reached in the way that was chosen
    public ModelReference open(Supplier<SparkConf> conf) {
        ModelReference model = switch (location) {
            case ModelLocation.Local local -> ModelReference.open(local.path(), options);
            case ModelLocation.Remote remote -> fetch(remote, conf.get());
        };
        return switch (adapter) {
            case null -> model;
            case ModelLocation.Local local -> model.withAdapter(local.path());
            case ModelLocation.Remote remote ->
                Refusal.about("--lora", () -> model.withAdapter(remote.uri(), conf.get()));
        };
    }

    private ModelReference fetch(ModelLocation.Remote remote, SparkConf conf) {
        if (distribution == ModelDistribution.SHARED && !LocalMode.isIn(conf)) {
            throw Refusal.usage("--model-distribution shared is for a path that every host sees, not for %s; take fetch"
                    .formatted(remote.uri()));
        }
        return ModelReference.fetch(remote.uri(), conf, options);
    }
}
