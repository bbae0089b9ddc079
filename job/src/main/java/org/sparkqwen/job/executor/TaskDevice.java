package org.sparkqwen.job.executor;

import java.util.List;
import org.apache.spark.TaskContext;
import org.apache.spark.resource.ResourceInformation;
import org.sparkqwen.engine.kernels.Device;
import org.sparkqwen.engine.kernels.DeviceException;
import org.sparkqwen.job.spark.LocalMode;

/// The device of a task: the one that the user named, or else the GPU that Spark gave the task.
final class TaskDevice {
    private static final String RESOURCE = "gpu";

    private TaskDevice() {}

    /// Returns the device on which the task of this thread computes.
    ///
    /// In local mode Spark gives tasks no resources. They then share those of the driver, and without any the first
    /// GPU.
    ///
    /// @param chosen the device of the model's options, see [Device#ANY]
    /// @throws DeviceException if Spark gave the task no GPU
    static Device of(Device chosen) {
        if (!chosen.isGpu() || chosen.index() != Device.ANY) {
            return chosen;
        }
        TaskContext task = TaskContext.get();
        if (task == null) {
            return chosen.orFirst();
        }
        ResourceInformation given = task.resourcesJMap().get(RESOURCE);
        if (given != null && given.addresses().length > 0) {
            return Device.cuda(index(given.addresses()[0]));
        }
        if (!LocalMode.isInThisProcess()) {
            throw new DeviceException(
                    DeviceException.Reason.UNAVAILABLE,
                    "Spark gave this task no GPU; set spark.task.resource.gpu.amount, see conf/gpu.conf");
        }
        List<String> ofDriver = LocalMode.addresses(RESOURCE);
        return ofDriver.isEmpty()
                ? chosen.orFirst()
                : Device.cuda(index(ofDriver.get(task.partitionId() % ofDriver.size())));
    }

    /// Reads an address that a discovery script has printed.
    static int index(String address) {
        if (!address.matches("\\d{1,4}")) {
            throw new DeviceException(
                    DeviceException.Reason.UNAVAILABLE,
                    "Spark gave the GPU '%s', and only numbers are known; the script conf/discover-gpus.sh finds them"
                            .formatted(address));
        }
        return Integer.parseInt(address);
    }
}
