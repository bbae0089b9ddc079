package org.sparkqwen.job.model;

import java.io.IOException;
import java.io.PrintStream;
import java.util.Locale;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import org.sparkqwen.engine.hostcache.ModelFiles;
import org.sparkqwen.job.failure.Console;
import org.sparkqwen.job.failure.Failures;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.progress.CopyDisplay;
import org.sparkqwen.job.progress.PackingDisplay;
import org.sparkqwen.job.spark.LocalMode;
import org.sparkqwen.job.storage.HadoopFiles;

/// The way in which executors get a model.
public enum ModelDistribution {
    /// Chooses the way that suits the cluster, see [#choose].
    AUTO,
    /// Requires the directory on every host, under the same path.
    SHARED,
    /// Lets each host copy the directory from a file system that Hadoop knows.
    FETCH,
    /// Lets each host copy the directory from the driver, and from other hosts that have parts of it.
    BROADCAST;

    /// Returns `model` in the form in which tasks of `spark` find it. Broadcasting reads all of the model.
    ///
    /// @param out receives what was chosen and why, where there was a choice
    /// @throws Refusal if the model cannot be distributed in this way
    ModelReference distribute(ModelReference model, SparkSession spark, PrintStream out) {
        return switch (this) {
            case AUTO -> choose(model, spark, out).distribute(model, spark, out);
            case SHARED -> shared(model, spark, out);
            case FETCH -> fetch(withAdapterOfDriver(model, spark, out), spark, out);
            case BROADCAST -> broadcast(withAdapterOfDriver(model, spark, out), spark, out);
        };
    }

    /// Returns the model with its adapter as executors get it, if it has one. An adapter is small and the driver
    /// has its files, so hosts get it from there, wherever they get the model.
    private static ModelReference withAdapterOfDriver(ModelReference model, SparkSession spark, PrintStream out) {
        return model.adapter()
                .map(adapter ->
                        model.with(adapter.broadcast(spark, model.options().cacheDirectory(), out)))
                .orElse(model);
    }

    /// Returns the model as open left it. An adapter that lies elsewhere has a copy on the driver alone.
    private static ModelReference shared(ModelReference model, SparkSession spark, PrintStream out) {
        boolean isWithDriver =
                model.adapter().filter(AdapterReference::isRemote).isEmpty()
                        || LocalMode.isIn(spark.sparkContext().conf());
        return isWithDriver ? model : withAdapterOfDriver(model, spark, out);
    }

    private static ModelReference fetch(ModelReference model, SparkSession spark, PrintStream out) {
        ModelFiles files = model.files();
        String uri = model.isRemote() ? model.origin() : model.path().toUri().toString();
        return model.from(
                new ModelSource.Fetched(files, new HadoopFiles(uri), CopyDisplay.show(spark, files.bytes(), out)));
    }

    private static ModelReference broadcast(ModelReference model, SparkSession spark, PrintStream out) {
        ModelFiles files = model.files();
        try (PackingDisplay display = PackingDisplay.of("broadcast")) {
            JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
            return model.from(new ModelSource.Broadcasted(
                    files,
                    BroadcastFiles.of(context, model.folder(), files, display),
                    CopyDisplay.show(spark, files.bytes(), out)));
        } catch (IOException e) {
            throw Refusal.failure("%s cannot be broadcast: %s".formatted(model.directory(), Failures.firstLine(e)), e);
        }
    }

    private static ModelDistribution choose(ModelReference model, SparkSession spark, PrintStream out) {
        if (LocalMode.isIn(spark.sparkContext().conf())) {
            return SHARED; // the driver's process has the model
        }
        if (model.isRemote()) {
            return say(out, FETCH, "each host copies %s once".formatted(model.origin()));
        }
        SharedPathProbe.Finding found = SharedPathProbe.look(model, spark);
        return found.allSee()
                ? say(out, SHARED, "%s is on %s".formatted(model.directory(), found))
                : say(out, BROADCAST, "%s is not on %s".formatted(model.directory(), found));
    }

    private static ModelDistribution say(PrintStream out, ModelDistribution choice, String why) {
        new Console(out)
                .printf("Model distribution: %s, for %s%n", choice.name().toLowerCase(Locale.ROOT), why);
        return choice;
    }
}
