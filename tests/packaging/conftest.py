from pathlib import Path

import pytest

from scripted_project import DOCKER, PYTHON, Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Python and nothing else."""
    project = Project(tmp_path)
    project.provide("python3.12", PYTHON)
    return project


@pytest.fixture
def dockered(project: Project) -> Project:
    """Docker and Python."""
    project.provide("docker", DOCKER)
    return project
