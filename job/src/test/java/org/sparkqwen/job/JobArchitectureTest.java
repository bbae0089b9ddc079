package org.sparkqwen.job;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.assignableTo;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.Dependency;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.spark.sql.execution.SparkPlan;
import org.junit.jupiter.api.Test;
import org.sparkqwen.engine.model.ModelFamily;

/// The rules of ARCHITECTURE.md that concern the job, and those that concern both modules.
class JobArchitectureTest {
    private static final String ROOT = "org.sparkqwen.job";

    private static final Path PROJECT = Path.of("..");

    private static final List<String> MODULES = List.of("engine", "job");

    private static final JavaClasses JOB = new ClassFileImporter().importPath(Path.of("target/classes"));

    /// The classes of both modules.
    private static final JavaClasses ALL = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("org.sparkqwen");

    /// The packages from the bottom up. Each depends only on those before it.
    private static final List<String> FROM_THE_BOTTOM = List.of(
            "failure",
            "spark",
            "storage",
            "columns",
            "input.record",
            "input",
            "errors",
            "progress",
            "model",
            "executor",
            "metrics",
            "",
            "buckets",
            "run",
            "plan",
            "page",
            "cli.report",
            "cli",
            "sql");

    /// The packages whose public classes are for users, whether or not another package needs them.
    private static final Set<String> API =
            Set.of(ROOT, ROOT + ".columns", ROOT + ".model", "org.sparkqwen.engine", "org.sparkqwen.engine.request");

    /// The names that occur in a user's configuration.
    private static final Set<String> NAMED_IN_CONFIGURATIONS = Set.of(
            ROOT + ".cli.Main",
            ROOT + ".cli.Start",
            ROOT + ".metrics.MetricsPlugin",
            ROOT + ".storage.S3CommitProtocol",
            ROOT + ".sql.QwenExtensions");

    @Test
    void seesTheEngineThroughItsFacadeAndItsTypesNotItsMachinery() {
        noClasses()
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(
                        "org.sparkqwen.engine.scheduler..", "org.sparkqwen.engine.cache..", "jdk.incubator.vector..")
                .check(JOB);
    }

    /// A family's title may be shown. Its class, or its names in config.json, would tell it from another.
    @Test
    void tellsNoModelFamilyFromAnother() {
        noClasses()
                .should()
                .dependOnClassesThat(
                        resideInAPackage("org.sparkqwen.engine.model.family").and(assignableTo(ModelFamily.class)))
                .orShould()
                .callMethod(ModelFamily.class, "modelType")
                .orShould()
                .callMethod(ModelFamily.class, "className")
                .check(JOB);
    }

    /// Spark changes its internals from version to version, so what depends on them lies in few places.
    @Test
    void onlyTwoPackagesDependOnSparksInternals() {
        noClasses()
                .that()
                .resideOutsideOfPackages(ROOT + ".spark", ROOT + ".sql")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(
                        "org.apache.spark.sql.catalyst..",
                        "org.apache.spark.sql.execution..",
                        "org.apache.spark.sql.classic..")
                .check(JOB);
    }

    /// A `switch` over classes leaves no trace that the rules on bytecode see, but it needs the classes' names.
    @Test
    void noSourceNamesAModelFamilyExceptItsNeighbours() throws IOException {
        List<String> families = Files.readAllLines(
                PROJECT.resolve("engine/src/main/resources/META-INF/services/" + ModelFamily.class.getName()));
        assertThat(families).hasSizeGreaterThan(1);
        for (String module : MODULES) {
            try (Stream<Path> files = Files.walk(PROJECT.resolve(module).resolve("src/main/java"))) {
                for (Path file :
                        (Iterable<Path>) files.filter(path -> path.toString().endsWith(".java")
                                && !path.toString().contains("engine/model/family/"))::iterator) {
                    assertThat(Files.readString(file)).as(file.toString()).doesNotContain(families);
                }
            }
        }
    }

    @Test
    void packagesDependDownwards() {
        Set<String> upwards = new TreeSet<>();
        for (JavaClass each : JOB) {
            for (Dependency dependency : each.getDirectDependenciesFromSelf()) {
                JavaClass target = dependency.getTargetClass();
                if (target.getPackageName().startsWith(ROOT) && rank(target) > rank(each)) {
                    upwards.add(each.getName() + " -> " + target.getName());
                }
            }
        }
        assertThat(upwards).isEmpty();
    }

    private static int rank(JavaClass each) {
        String name = each.getPackageName().substring(ROOT.length());
        int rank = FROM_THE_BOTTOM.indexOf(name.isEmpty() ? "" : name.substring(1));
        assertThat(rank).as("the place of " + each.getPackageName()).isNotNegative();
        return rank;
    }

    @Test
    void namesSayWhatAClassIs() {
        noClasses()
                .should()
                .haveNameMatching(".*(Manager|Helper|Util|Utils|Impl)")
                .check(JOB);
    }

    /// The search finds classes that are public only for users, so it does find something.
    @Test
    void whatNoOtherPackageNeedsIsNotPublic() {
        Set<String> needless = new TreeSet<>();
        Set<String> forUsers = new TreeSet<>();
        for (JavaClass each : ALL) {
            boolean part = each.isTopLevelClass() && each.getModifiers().contains(JavaModifier.PUBLIC);
            if (part && !holdsConstantsAlone(each) && !isNeededElsewhere(each)) {
                boolean named = NAMED_IN_CONFIGURATIONS.contains(each.getName())
                        || PublicApiTest.API_OF_RUNS.contains(each.getName())
                        || isService(each)
                        || each.isAssignableTo(SparkPlan.class); // Spark copies it by reflection
                (named || API.contains(each.getPackageName()) ? forUsers : needless).add(each.getName());
            }
        }
        assertThat(needless).isEmpty();
        assertThat(forUsers).contains(ROOT + ".storage.S3CommitProtocol");
    }

    /// The compiler copies constants into the classes that use them, which then name the constants' class no more.
    private static boolean holdsConstantsAlone(JavaClass each) {
        return each.getMethods().isEmpty() && !each.getFields().isEmpty();
    }

    private static boolean isService(JavaClass each) {
        return each.getName().endsWith("Provider") || each.isAssignableTo(ModelFamily.class);
    }

    /// Returns whether another package uses the class, or reaches it through the public members of one that it
    /// uses.
    private static boolean isNeededElsewhere(JavaClass each) {
        Deque<JavaClass> users = new ArrayDeque<>(Set.of(each));
        Set<JavaClass> seen = new HashSet<>(users);
        while (!users.isEmpty()) {
            JavaClass used = users.removeFirst();
            for (JavaClass user : using(used)) {
                if (!user.getPackageName().equals(each.getPackageName())) {
                    return true;
                }
                if (exposes(user, used) && seen.add(topLevel(user))) {
                    users.add(topLevel(user));
                }
            }
        }
        return false;
    }

    private static Set<JavaClass> using(JavaClass used) {
        return ALL.stream()
                .filter(each -> topLevel(each).equals(used))
                .flatMap(each -> each.getDirectDependenciesToSelf().stream())
                .map(Dependency::getOriginClass)
                .collect(Collectors.toSet());
    }

    /// Returns whether a public method of a public class takes or returns `used`.
    private static boolean exposes(JavaClass user, JavaClass used) {
        return user.getModifiers().contains(JavaModifier.PUBLIC)
                && user.getMethods().stream()
                        .filter(method -> method.getModifiers().contains(JavaModifier.PUBLIC))
                        .anyMatch(method -> topLevel(method.getRawReturnType()).equals(used)
                                || method.getRawParameterTypes().stream()
                                        .anyMatch(type -> topLevel(type).equals(used)));
    }

    private static JavaClass topLevel(JavaClass each) {
        JavaClass top = each;
        while (top.getEnclosingClass().isPresent()) {
            top = top.getEnclosingClass().get();
        }
        return top;
    }

    /// The page says about each package what the package says about itself.
    @Test
    void theArchitecturePageHasEachPackagesFirstSentence() throws IOException {
        Map<String, String> sentences = new TreeMap<>();
        for (String module : MODULES) {
            Path sources = PROJECT.resolve(module)
                    .resolve("src/main/java/org/sparkqwen")
                    .resolve(module);
            try (Stream<Path> files = Files.walk(sources)) {
                for (Path file : (Iterable<Path>) files.filter(path -> path.endsWith("package-info.java"))::iterator) {
                    String name =
                            sources.relativize(file.getParent()).toString().replace('/', '.');
                    sentences.put(module + " " + (name.isEmpty() ? "(root)" : name), firstSentence(file));
                }
            }
        }
        Map<String, String> lines = new TreeMap<>();
        String module = "";
        for (String line : Files.readAllLines(PROJECT.resolve("ARCHITECTURE.md"))) {
            Matcher heading = Pattern.compile("## (engine|job): .*").matcher(line);
            Matcher row = Pattern.compile("\\| `([a-z0-9.]+|\\(root\\))` \\| (.*?) \\|.*")
                    .matcher(line);
            if (heading.matches()) {
                module = heading.group(1);
            } else if (row.matches()) {
                lines.put(module + " " + row.group(1), row.group(2));
            }
        }
        assertThat(lines).isEqualTo(sentences);
    }

    private static String firstSentence(Path packageInfo) throws IOException {
        String comment = Files.readAllLines(packageInfo).stream()
                .takeWhile(line -> line.startsWith("///"))
                .map(line -> line.substring(3).strip())
                .collect(Collectors.joining(" "));
        Matcher sentence = Pattern.compile("(.*?[.])( |$).*").matcher(comment);
        assertThat(sentence.matches()).as(packageInfo.toString()).isTrue();
        return sentence.group(1);
    }
}
