import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.spark.launcher.JavaModuleOptions;

/// Writes the kernel spec of the notebooks, which tells Jupyter how to start a JVM with Spark and this project.
///
/// usage: KernelSpec.java FILE CLASS_PATH LOG
class KernelSpec {
    public static void main(String[] args) throws IOException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of(JavaModuleOptions.defaultModuleOptionArray()));
        command.addAll(List.of("-Xmx2g", "-Djava.awt.headless=true", "-Dnotebooks.log=" + args[2]));
        command.addAll(List.of("-cp", args[1], "org.rapaio.jupyter.kernel.MainApp", "{connection_file}"));
        Map<String, Object> spec = Map.of(
                "argv", command,
                "display_name", "Java with spark-qwen",
                "language", "java",
                "interrupt_mode", "message");
        Path file = Path.of(args[0]);
        Files.createDirectories(file.getParent());
        new ObjectMapper().writerWithDefaultPrettyPrinter().writeValue(file.toFile(), spec);
    }
}
