package org.sparkqwen.engine;

import static com.tngtech.archunit.core.domain.JavaAccess.Predicates.target;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.assignableTo;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.name;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.nameMatching;
import static com.tngtech.archunit.core.domain.properties.HasOwner.Predicates.With.owner;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.Dependency;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.sparkqwen.engine.model.ModelFamily;

/// The engine's packages depend on each other, on libraries and on public names only as ARCHITECTURE.md
/// allows.
class ArchitectureTest {
    private static final String ROOT = "org.sparkqwen.engine";

    /// The packages from the bottom up. Each depends only on those before it.
    private static final List<String> FROM_THE_BOTTOM = List.of(
            "message",
            "kernels.format",
            "kernels",
            "kernels.scalar",
            "kernels.vector",
            "kernels.code.x86",
            "kernels.code.builder",
            "kernels.code",
            "kernels.cuda",
            "kernels.measure",
            "disk",
            "modelfile",
            "quantized",
            "gguf",
            "adapter",
            "checkpoint",
            "hostcache",
            "template",
            "tokenizer",
            "constraint.automaton",
            "constraint.regex",
            "constraint.schema",
            "constraint",
            "sampling",
            "scoring",
            "cache",
            "scheduler",
            "model",
            "model.family",
            "request",
            "sizing",
            "run",
            "bench",
            "");

    private static final JavaClasses ENGINE = new ClassFileImporter().importPath(Path.of("target/classes"));

    @Test
    void theEngineKnowsNothingOfSpark() {
        noClasses()
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("org.apache.spark..", "org.apache.hadoop..")
                .check(ENGINE);
    }

    @Test
    void onlyConstraintsUseLuceneAndTheyKnowNoOtherPart() {
        noClasses()
                .that()
                .resideOutsideOfPackage(ROOT + ".constraint..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("org.apache..")
                .check(ENGINE);
        classes()
                .that()
                .resideInAPackage(ROOT + ".constraint..")
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage(
                        "java..",
                        "com.fasterxml.jackson..",
                        "org.apache.lucene.util..",
                        "org.jspecify.annotations",
                        ROOT + ".message",
                        ROOT + ".constraint..")
                .check(ENGINE);
    }

    /// A rendering pays for everything that it makes. The exceptions are classes that charge for their own
    /// contents, `Casing`, whose result is about as long as its text and is charged by its caller, and
    /// classes that work while a template is parsed, because the length of its source is limited.
    @Test
    void whatATemplateMakesIsChargedToItsBudget() {
        noClasses()
                .that()
                .resideInAPackage(ROOT + ".template")
                .and()
                .haveNameNotMatching(
                        ".*\\.(Items|Tuple|Range|Dict|Namespace|Scope|Text|Text\\$Builder|Spelling|Casing)")
                .and()
                .haveNameNotMatching(".*\\.(Lexer|Parser|ExpressionParser|OperandParser(\\$ArgumentList)?)")
                .should()
                .callConstructorWhere(target(owner(resideInAPackage("java..")
                        .and(assignableTo(Iterable.class)
                                .or(assignableTo(Map.class))
                                .or(assignableTo(CharSequence.class))
                                .or(assignableTo(BitSet.class))))))
                .check(ENGINE);
        noClasses()
                .that()
                .resideInAPackage(ROOT + ".template")
                .should()
                .callMethodWhere(target(owner(assignableTo(Stream.class)))
                        .or(target(name("repeat")).and(target(owner(assignableTo(String.class)))))
                        .or(target(name("nCopies")).and(target(owner(assignableTo(Collections.class))))))
                .check(ENGINE);
    }

    /// Activations, the KV cache and weights are buffers of a back-end, which the host may be unable to access.
    /// Random weights are packed into memory of the host, as those of a checkpoint are.
    @Test
    void modelAndCacheLeaveTheirBuffersToTheBackEnd() {
        noClasses()
                .that()
                .resideInAnyPackage(ROOT + ".model", ROOT + ".cache", ROOT + ".scheduler")
                .and()
                .doNotHaveSimpleName("RandomPieces")
                .should()
                .callMethodWhere(target(owner(assignableTo(MemorySegment.class)))
                        .and(target(nameMatching("get|set|(get|set)AtIndex|fill|copy|copyFrom|toArray|mismatch"))))
                .orShould()
                .dependOnClassesThat()
                .areAssignableTo(Arena.class)
                .check(ENGINE);
    }

    @Test
    void onlyTheVectorBackEndAndItsMeasureUseTheVectorModule() {
        noClasses()
                .that()
                .resideOutsideOfPackages(ROOT + ".kernels.vector", ROOT + ".kernels.measure")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("jdk.incubator.vector..")
                .check(ENGINE);
    }

    /// The JVM's vector module may be loaded by these classes. So they must not need it when they are loaded.
    @Test
    void whoAsksForTheVectorModuleDoesNotNeedIt() {
        noClasses()
                .that()
                .haveSimpleNameEndingWith("Provider")
                .or()
                .haveSimpleName("VectorModule")
                .or()
                .haveSimpleName("MachinePeak")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("jdk.incubator.vector..")
                .check(ENGINE);
    }

    @Test
    void kernelsDependOnTheJdkAlone() {
        classes()
                .that()
                .resideInAPackage(ROOT + ".kernels..")
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage(
                        "java..",
                        "jdk.incubator.vector..",
                        "org.jspecify.annotations",
                        "com.google.errorprone.annotations.concurrent",
                        ROOT + ".kernels..")
                .check(ENGINE);
    }

    /// Whatever differs between families is asked of the family. To compare one with another takes its class, its
    /// type or its names.
    @Test
    void onlyTheChoiceByModelTypeTellsFamiliesApart() {
        noClasses()
                .that()
                .resideOutsideOfPackage(ROOT + ".model.family")
                .should()
                .dependOnClassesThat(resideInAPackage(ROOT + ".model.family").and(assignableTo(ModelFamily.class)))
                .check(ENGINE);
        noClasses()
                .that()
                .doNotHaveFullyQualifiedName(ROOT + ".model.ModelFamilies")
                .should()
                .callMethodWhere(target(owner(assignableTo(ModelFamily.class)))
                        .and(target(name("modelType"))
                                .or(target(name("className")))
                                .or(target(name("title")))))
                .check(ENGINE);
    }

    @Test
    void theSchedulerKnowsNeitherModelNorKernels() {
        noClasses()
                .that()
                .resideInAPackage(ROOT + ".scheduler")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(ROOT + ".model", ROOT + ".kernels..")
                .check(ENGINE);
    }

    @Test
    void onlyRunsAndTheFacadeSeeBothTokenizerAndScheduler() {
        Set<String> both = usersOf("tokenizer");
        both.retainAll(usersOf("scheduler"));
        assertThat(both).isNotEmpty().allMatch(name -> name.startsWith(ROOT + ".run."));
    }

    /// Returns the top-level classes outside a package that depend on it.
    private static Set<String> usersOf(String part) {
        Set<String> users = new TreeSet<>();
        for (JavaClass each : ENGINE) {
            boolean uses = each.getDirectDependenciesFromSelf().stream()
                    .anyMatch(dependency ->
                            dependency.getTargetClass().getPackageName().equals(ROOT + "." + part));
            if (uses && !each.getPackageName().equals(ROOT + "." + part)) {
                users.add(each.getName());
            }
        }
        return users;
    }

    @Test
    void packagesDependDownwards() {
        Set<String> upwards = new TreeSet<>();
        for (JavaClass each : ENGINE) {
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
                .check(ENGINE);
    }
}
