package org.sparkqwen.job;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/// The rules of ARCHITECTURE.md that concern the job.
class JobArchitectureTest {
    private static final JavaClasses JOB = new ClassFileImporter().importPath(Path.of("target/classes"));

    @Test
    void seesTheEngineThroughItsFacadeAndItsTypesNotItsMachinery() {
        noClasses()
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(
                        "org.sparkqwen.engine.scheduler..", "org.sparkqwen.engine.cache..", "jdk.incubator.vector..")
                .check(JOB);
    }

    @Test
    void isOnePackage() {
        classes().should().resideInAPackage("org.sparkqwen.job").check(JOB);
    }

    @Test
    void namesSayWhatAClassIs() {
        noClasses()
                .should()
                .haveSimpleNameEndingWith("Manager")
                .orShould()
                .haveSimpleNameEndingWith("Helper")
                .orShould()
                .haveSimpleNameEndingWith("Util")
                .orShould()
                .haveSimpleNameEndingWith("Utils")
                .orShould()
                .haveSimpleNameEndingWith("Impl")
                .check(JOB);
    }

    @Test
    void onlyTheApiIsPublic() {
        classes()
                .that()
                .arePublic()
                .and()
                .areTopLevelClasses()
                .should()
                .haveNameMatching("org\\.sparkqwen\\.job\\.(Main|MetricsPlugin|\\w+Job|ModelReference|ExecutorOptions"
                        + "|ContentColumn|PromptSource|PromptTemplate|ChatPrompt|ToolSource|RowParam|S3CommitProtocol)")
                .check(JOB);
    }
}
