package org.sparkqwen.job.model;

import java.io.Serializable;
import java.util.Locale;
import java.util.Optional;
import org.apache.spark.SparkConf;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.sparkqwen.engine.kernels.Device;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.kernels.KernelProvider;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.spark.LocalMode;

/// The device on which executors compute, as a user chooses it: `auto`, `cpu`, `cuda` or `cuda:N`.
///
/// The driver turns it into a [Device] before a run does anything else. `auto` is a GPU where Spark gives GPUs to
/// executors, or in local mode to the driver, and the processor everywhere else. A GPU is refused on the driver if
/// Spark's settings do not give one to each task, because the processor never takes its place.
///
/// @param device the device that was named; null for `auto`
public record DeviceChoice(@Nullable Device device) implements Serializable {
    /// The number of GPUs that each executor gets.
    public static final String OF_EXECUTOR = "spark.executor.resource.gpu.amount";

    /// The number of GPUs of a task, mostly a fraction.
    public static final String OF_TASK = "spark.task.resource.gpu.amount";

    /// The number of GPUs of the driver, which in local mode runs the tasks.
    public static final String OF_DRIVER = "spark.driver.resource.gpu.amount";

    /// The choice of what Spark's settings say.
    public static final DeviceChoice AUTO = new DeviceChoice(null);

    private static final Logger LOG = LoggerFactory.getLogger(DeviceChoice.class);

    /// Reads `auto`, `cpu`, `cuda` or `cuda:N`, in upper or lower case.
    ///
    /// @throws IllegalArgumentException if it is none of them
    public static DeviceChoice parse(String text) {
        String lower = text.toLowerCase(Locale.ROOT);
        if (lower.equals("auto")) {
            return AUTO;
        }
        try {
            return new DeviceChoice(Device.parse(lower));
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(
                    "there is no device '%s'; there are auto, cpu, cuda, and cuda:N for the GPU with number N"
                            .formatted(text),
                    e);
        }
    }

    /// Returns the device on which executors compute with a configuration of Spark. The log says which and why.
    ///
    /// @throws Refusal if that is a GPU, and tasks would not get one
    public Device in(SparkConf conf) {
        boolean local = LocalMode.isIn(conf);
        Device chosen = device == null ? automatic(conf, local) : device;
        if (chosen.isGpu()) {
            KernelProvider provider = KernelChoice.gpuProvider();
            refuse(chosen, provider.buildObstacle());
            if (local) {
                refuse(chosen, provider.obstacle()); // tasks compute on this machine
            } else {
                refuseUnlessEachTaskHasOne(chosen, conf);
            }
        }
        return chosen;
    }

    private static Device automatic(SparkConf conf, boolean local) {
        String setting = local ? OF_DRIVER : OF_EXECUTOR;
        int gpus = conf.getInt(setting, 0);
        if (gpus > 0) {
            LOG.info("device cuda, because {} is {}", setting, gpus);
            return Device.CUDA;
        }
        if (local && conf.getInt(OF_EXECUTOR, 0) > 0) {
            throw Refusal.usage(("--device auto: %s is set, but in local mode, as in a dry run without --probe, Spark"
                            + " gives no GPUs to executors; say --device cpu, cuda or cuda:N")
                    .formatted(OF_EXECUTOR));
        }
        if (local && KernelChoice.gpuProvider().obstacle().isEmpty()) {
            LOG.warn("device cpu, because {} is not set; this machine has a GPU, which --device cuda takes", setting);
        } else {
            LOG.debug("device cpu, because {} is not set", setting);
        }
        return Device.CPU;
    }

    private static void refuse(Device chosen, Optional<String> obstacle) {
        obstacle.ifPresent(reason -> {
            throw Refusal.usage("--device %s: %s".formatted(chosen, reason));
        });
    }

    private static void refuseUnlessEachTaskHasOne(Device chosen, SparkConf conf) {
        int ofExecutor = conf.getInt(OF_EXECUTOR, 0);
        double ofTask = conf.getDouble(OF_TASK, 0);
        if (chosen.index() != Device.ANY) {
            if (ofExecutor > 0) {
                throw Refusal.usage(("--device %s names a GPU, but Spark gives executors theirs, because %s is %d; take"
                                + " --device cuda")
                        .formatted(chosen, OF_EXECUTOR, ofExecutor));
            }
            return; // each executor takes this GPU of its host
        }
        if (ofExecutor == 0) {
            throw Refusal.usage(("--device cuda: Spark gives executors no GPUs; set %s and %s, see conf/gpu.conf, or"
                            + " name a GPU that every host has, such as cuda:0")
                    .formatted(OF_EXECUTOR, OF_TASK));
        }
        if (ofTask <= 0) {
            throw Refusal.usage("--device cuda: %s is %d, but tasks get none of them; set %s to %s"
                    .formatted(OF_EXECUTOR, ofExecutor, OF_TASK, suggested(conf, ofExecutor)));
        }
        if (ofTask > 1) {
            throw Refusal.usage("--device cuda: a task computes on one GPU, and %s is %s; set it to %s"
                    .formatted(OF_TASK, number(ofTask), suggested(conf, ofExecutor)));
        }
    }

    /// Returns an amount with which all cores of an executor share its GPUs.
    private static String suggested(SparkConf conf, int ofExecutor) {
        int tasks = conf.getInt("spark.executor.cores", 0) / Math.max(1, conf.getInt("spark.task.cpus", 1));
        return tasks <= ofExecutor
                ? "1, or to GPUs / cores of an executor"
                : number(1.0 / Math.ceilDiv(tasks, ofExecutor));
    }

    private static String number(double amount) {
        return amount == Math.rint(amount)
                ? Long.toString((long) amount)
                : "%.4f".formatted(amount).replaceFirst("0+$", "");
    }

    /// Returns the choice in the form that [#parse] reads.
    @Override
    public String toString() {
        return device == null ? "auto" : device.toString();
    }
}
